"""What all instrumentors that patch a library have in common."""

# Paddle 2.6.2 exports its own old zlib symbols: a program whose first zlib import comes after Paddle crashes at its
# first decompression (gzip over OTLP, pyarrow). Importing it here, before Paddle, is harmless and prevents that.
import zlib as _zlib
from abc import abstractmethod
from collections.abc import Collection, Iterable
from typing import Any, ClassVar, Final, Generic, Protocol, TypeVar
from weakref import WeakSet

from opentelemetry.instrumentation.instrumentor import BaseInstrumentor

from paddle_otel.guard import guard
from paddle_otel.operations.budget_loading import LOADING_WITH_PADDLE
from paddle_otel.operations.telemetry import Telemetry
from paddle_otel.patching import Patch, PatchSet
from paddle_otel.settings import Settings
from paddle_otel.untranslated import untranslated_patches

ZLIB_VERSION: Final = _zlib.ZLIB_VERSION
"""Version of the zlib that was loaded before Paddle."""


class Reporting(Protocol):
    """What the wrappers of an instrumentor share; it knows at least where they report to."""

    @property
    def telemetry(self) -> Telemetry:
        """Tracer and instruments."""
        ...


H = TypeVar("H", bound=Reporting)


class LibraryInstrumentor(BaseInstrumentor, Generic[H]):
    """Patches one library.

    Subclasses name the scope and give the table of patches. State lives on the class: ``BaseInstrumentor`` is a
    singleton whose ``__init__`` runs again at every construction.
    """

    scope: ClassVar[str]
    patch_set: ClassVar[PatchSet]
    reporting: ClassVar["WeakSet[Telemetry]"] = WeakSet()

    def instrumentation_dependencies(self) -> Collection[str]:
        """Return nothing: the library is patched when the program imports it, whichever distribution it came in."""
        return ()

    @abstractmethod
    def handlers(self, telemetry: Telemetry) -> H:
        """Make what the wrappers share."""

    @abstractmethod
    def patches(self, handlers: H) -> Iterable[Patch]:
        """Return what is patched."""

    def _instrument(self, **kwargs: Any) -> None:
        # Any exception from here would keep the application's other instrumentors from starting.
        with guard(f"switching on {self.scope}"):
            settings = Settings.from_environment()
            if settings.enabled:
                patches = self.patches(self._handlers(kwargs, settings))
                self.patch_set.apply([*patches, *untranslated_patches()])

    def _uninstrument(self, **_: Any) -> None:
        with guard(f"switching off {self.scope}"):
            self.patch_set.undo()
            for telemetry in tuple(self.reporting):
                if telemetry.scope == self.scope:
                    telemetry.stop()

    def _handlers(self, providers: dict[str, Any], settings: Settings) -> H:
        tracer_provider = providers.get("tracer_provider")
        logger_provider = providers.get("logger_provider")
        watches_only = providers.get("watches_only") is True
        meter_provider = providers.get("meter_provider")
        telemetry = Telemetry(
            self.scope, tracer_provider, meter_provider, settings, logger_provider, watches_only=watches_only
        )
        # What the wrappers remember (models' names, say) outlives switching off and on again, as long as its provider.
        try:
            handlers = telemetry.meters.keep(type(self), lambda: self.handlers(telemetry))
        except BaseException:
            telemetry.stop()
            raise
        handlers.telemetry.use(tracer_provider, settings, logger_provider, watches_only=watches_only)
        self.reporting.add(handlers.telemetry)
        if not watches_only:
            LOADING_WITH_PADDLE.load(settings, telemetry.meters)
        return handlers
