"""Switches on, while a monitor watches, what notices what Paddle does.

The patches of libraries live in the instrumentation, which this library does not import. They are found by the entry
points of the group :data:`GROUP`: instrumentors of this project. One that the program switched on itself is left as it
is. The others are switched on without tracer, instruments and logger, so that they report nothing to anybody, and off
again with the last monitor. A program that switches one on itself meanwhile gets it as it asks for it, and keeps it.
"""

import threading
from collections.abc import Callable, Iterable
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Final, Protocol
from weakref import WeakSet

from opentelemetry._logs import NoOpLoggerProvider
from opentelemetry.metrics import NoOpMeterProvider
from opentelemetry.trace import NoOpTracerProvider

from paddle_otel.forking import call_in_forked_child
from paddle_otel.guard import guard

GROUP: Final = "paddle_otel_activity"
"""Entry points: instrumentors that tell what Paddle does."""


class Instrumentor(Protocol):
    """What this project's instrumentors are, each a singleton."""

    @property
    def is_instrumented_by_opentelemetry(self) -> bool:
        """Whether the program switched it on."""
        ...

    def _instrument(self, **kwargs: Any) -> None: ...

    def _uninstrument(self, **kwargs: Any) -> None: ...


class Observers:
    """The instrumentors that are switched on for monitors; any thread may call any method.

    Args:
        find: Returns them, as entry points.
    """

    def __init__(self, find: Callable[[], Iterable[EntryPoint]] = lambda: entry_points(group=GROUP)) -> None:
        self._find = find
        self._silent: dict[str, Any] = {
            "tracer_provider": NoOpTracerProvider(),
            "meter_provider": NoOpMeterProvider(),
            "logger_provider": NoOpLoggerProvider(),
            "watches_only": True,
        }
        self._instrumentors: list[Instrumentor] | None = None
        self._switched_on: list[Instrumentor] = []
        self._make_anew()
        call_in_forked_child(self._make_anew)

    def _make_anew(self) -> None:
        self._lock = threading.RLock()
        self._wanted: WeakSet[object] = WeakSet()

    def want(self, who: object) -> None:
        """Switch them on for somebody, until it is gone or :meth:`leave` is called."""
        with self._lock:
            first = not self._switched_on
            self._wanted.add(who)
            if first:
                for instrumentor in self._found():
                    if not instrumentor.is_instrumented_by_opentelemetry:
                        self._switch_on(instrumentor)

    def leave(self, who: object) -> None:
        """Switch them off if nobody else wants them."""
        self._wanted.discard(who)
        self.look_again()

    def look_again(self) -> None:
        """Switch them off if nobody wants them any more."""
        with self._lock:
            if self._wanted:
                return
            while self._switched_on:
                instrumentor = self._switched_on.pop()
                with guard("switching off what notices what Paddle does"):
                    if not instrumentor.is_instrumented_by_opentelemetry:
                        instrumentor._uninstrument()  # noqa: SLF001  # pyright: ignore[reportPrivateUsage] - see _switch_on

    def _switch_on(self, instrumentor: Instrumentor) -> None:
        with guard("switching on what notices what Paddle does"):
            # The public method would make a later call by the program itself a no-op with a warning.
            instrumentor._instrument(**self._silent)  # noqa: SLF001  # pyright: ignore[reportPrivateUsage] - see above
            self._switched_on.append(instrumentor)

    def _found(self) -> list[Instrumentor]:
        if self._instrumentors is None:
            self._instrumentors = []
            entries: list[EntryPoint] = []
            with guard("looking for what notices what Paddle does"):
                entries.extend(self._find())
            for entry in entries:
                with guard("loading what notices what Paddle does"):
                    self._instrumentors.append(entry.load()())
        return self._instrumentors


OBSERVERS: Final = Observers()
"""Those of this process."""
