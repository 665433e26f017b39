"""Traces and metrics for PaddleX and PaddleOCR 3."""

from collections.abc import Iterable
from typing import ClassVar

from paddle_otel.library_instrumentor import LibraryInstrumentor
from paddle_otel.operations.telemetry import Telemetry
from paddle_otel.paddlex.handlers import PaddleXHandlers
from paddle_otel.patching import Patch, PatchSet


class PaddleXInstrumentor(LibraryInstrumentor[PaddleXHandlers]):
    """Switches the patches on (``instrument()``) and off (``uninstrument()``), any number of times."""

    scope = "paddle_otel.paddlex"
    patch_set: ClassVar[PatchSet] = PatchSet("paddlex")

    def handlers(self, telemetry: Telemetry) -> PaddleXHandlers:
        """Make what the wrappers share."""
        return PaddleXHandlers.on(telemetry)

    def patches(self, handlers: PaddleXHandlers) -> Iterable[Patch]:
        """Return the table of patches."""
        del handlers
        return ()
