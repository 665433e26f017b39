"""The instrumentor that PaddleNLP's and PaddleFormers' share."""

# Paddle 2.6.2 exports its own old zlib symbols: a program whose first zlib import comes after Paddle crashes at its
# first decompression (gzip over OTLP, pyarrow). Importing it here, before Paddle, is harmless and prevents that.
import zlib as _zlib
from abc import abstractmethod
from collections.abc import Collection, Iterable
from typing import Any, ClassVar, Final
from weakref import WeakKeyDictionary

from opentelemetry import metrics
from opentelemetry.instrumentation.instrumentor import BaseInstrumentor
from opentelemetry.metrics import MeterProvider, NoOpMeterProvider

from paddle_otel.guard import guard
from paddle_otel.operations.telemetry import Telemetry
from paddle_otel.patching import Patch, PatchSet
from paddle_otel.pretrained.handlers import Handlers
from paddle_otel.settings import Settings

ZLIB_VERSION: Final = _zlib.ZLIB_VERSION
"""Version of the zlib that was loaded before Paddle."""

# Stands for the global provider, which is one and the same before and after an SDK is set: instruments that were
# created before pass on to it.
_GLOBAL: Final[MeterProvider] = NoOpMeterProvider()


class PretrainedInstrumentor(BaseInstrumentor):
    """Patches one library of pretrained models.

    Subclasses name the scope and give the table of patches. State lives on the class: ``BaseInstrumentor`` is a
    singleton whose ``__init__`` runs again at every construction.
    """

    scope: ClassVar[str]
    patch_set: ClassVar[PatchSet]
    handlers_by_provider: ClassVar["WeakKeyDictionary[MeterProvider, Handlers]"]

    def instrumentation_dependencies(self) -> Collection[str]:
        """Return nothing: the library is patched when the program imports it, whichever distribution it came in."""
        return ()

    @abstractmethod
    def patches(self, handlers: Handlers) -> Iterable[Patch]:
        """Return what is patched."""

    def _instrument(self, **kwargs: Any) -> None:
        # Any exception from here would keep the application's other instrumentors from starting.
        with guard(f"switching on {self.scope}"):
            settings = Settings.from_environment()
            if settings.enabled:
                self.patch_set.apply(self.patches(self._handlers(kwargs, settings)))

    def _uninstrument(self, **_: Any) -> None:
        with guard(f"switching off {self.scope}"):
            self.patch_set.undo()
            for handlers in tuple(self.handlers_by_provider.values()):
                handlers.telemetry.active = False

    def _handlers(self, providers: dict[str, Any], settings: Settings) -> Handlers:
        # Instruments are created once per meter provider: a second observable of one name silently loses its callback.
        given: MeterProvider | None = providers.get("meter_provider")
        if given is metrics.get_meter_provider():
            given = None
        handlers = self.handlers_by_provider.get(given or _GLOBAL)
        if handlers is None:
            handlers = Handlers.on(Telemetry(self.scope, providers.get("tracer_provider"), given, settings))
            self.handlers_by_provider[given or _GLOBAL] = handlers
        handlers.telemetry.use(providers.get("tracer_provider"), settings)
        handlers.telemetry.active = True
        return handlers
