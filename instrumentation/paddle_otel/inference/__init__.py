"""Traces and metrics for exported programs: ``paddle.inference``, ``paddle.jit`` and ``paddle.static``."""

from collections.abc import Iterable
from typing import ClassVar

from paddle_otel.inference.handlers import InferenceHandlers
from paddle_otel.inference.jit_table import jit_patches
from paddle_otel.inference.predictor_table import predictor_patches
from paddle_otel.inference.static_table import static_patches
from paddle_otel.library_instrumentor import LibraryInstrumentor
from paddle_otel.operations.telemetry import Telemetry
from paddle_otel.patching import Patch, PatchSet


class PaddleInferenceInstrumentor(LibraryInstrumentor[InferenceHandlers]):
    """Switches the patches of Paddle on (``instrument()``) and off (``uninstrument()``), any number of times."""

    scope = "paddle_otel.inference"
    patch_set: ClassVar[PatchSet] = PatchSet("paddle_inference")

    def handlers(self, telemetry: Telemetry) -> InferenceHandlers:
        """Make what the wrappers share."""
        return InferenceHandlers.on(telemetry)

    def patches(self, handlers: InferenceHandlers) -> Iterable[Patch]:
        """Return the table of patches."""
        return [*predictor_patches(handlers), *jit_patches(handlers), *static_patches(handlers)]
