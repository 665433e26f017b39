"""The frame of a wrapper that observes a call from outside: nothing of it is inside the call."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, Final, Protocol

from paddle_otel.decorators.generators import Refused
from paddle_otel.guard import report
from paddle_otel.operations.telemetry import Telemetry


class ObservedCall(Protocol):
    """A call in progress."""

    def end(self, result: Any, raised: BaseException | None = None) -> None:
        """End it; raises no ``Exception``.

        Args:
            result: What the call returned, ``None`` where it raised.
            raised: What it raised.
        """
        ...


class ObservedCallWrapper(ABC):
    """Wraps a function or method.

    Args:
        telemetry: Where its calls are reported to.
        site: What :meth:`_start` does, for the log where it fails.
    """

    def __init__(self, telemetry: Telemetry, site: str) -> None:
        self._telemetry: Final = telemetry
        self._site: Final = site

    def __call__(
        self, wrapped: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        """Observe one call."""
        telemetry = self._telemetry
        if not telemetry.is_heard and telemetry.is_idle():
            return wrapped(*args, **kwargs)
        try:
            call = self._start(instance, args, kwargs)
        except Exception as trouble:  # noqa: BLE001 - an error boundary, written out: a call costs more than it protects
            report(self._site, trouble)
            call = None
        if call is None:
            return wrapped(*args, **kwargs)
        if isinstance(call, Refused):
            raise call.error()
        try:
            result = wrapped(*args, **kwargs)
        except BaseException as error:
            call.end(None, error)
            raise
        call.end(result)
        return result

    @abstractmethod
    def _start(self, instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any], /) -> ObservedCall | Refused | None:
        """Start to observe a call; what it raises is logged, and the call goes unobserved.

        Returns:
            ``None`` for a call that goes unobserved, refused for one that must not run.
        """
