"""The frame of a wrapper that observes a call from outside: nothing of it is inside the call."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, Final, Protocol

from paddle_otel.decorators.generators import Refused, begun
from paddle_otel.operations.telemetry import Telemetry


class ObservedCall(Protocol):
    """A call in progress; neither method raises an ``Exception``."""

    def finish(self, result: Any) -> None:
        """The call returned this."""
        ...

    def fail(self, error: BaseException) -> None:
        """The call raised this."""
        ...


class ObservedCallWrapper(ABC):
    """Wraps a function or method.

    Args:
        telemetry: Where its calls are reported to.
    """

    def __init__(self, telemetry: Telemetry) -> None:
        self._telemetry: Final = telemetry

    def __call__(
        self, wrapped: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        """Observe one call."""
        if self._telemetry.is_idle():
            return wrapped(*args, **kwargs)
        call = begun(self._start(instance, args, kwargs))
        if call is None:
            return wrapped(*args, **kwargs)
        try:
            result = wrapped(*args, **kwargs)
        except BaseException as error:
            call.fail(error)
            raise
        call.finish(result)
        return result

    @abstractmethod
    def _start(self, instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any], /) -> ObservedCall | Refused | None:
        """Start to observe a call. Raises no ``Exception``.

        Returns:
            ``None`` for a call that goes unobserved, refused for one that must not run.
        """
