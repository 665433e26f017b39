"""The least that observing ``Executor.run`` without a span can be: one function that does each step once.

It knows the program by its identity and whether it trains, leaves out what is suppressed or part of another model's
call, reads the rows and queues what the metrics need. It has no error boundaries, no budgets, no generations, no model
names by device, and nobody could keep it in step with the other ways to run a program: it is what the real wrapper is
compared with.
"""

import time
import weakref
from collections import deque
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from typing import Any, Final

import wrapt
from opentelemetry.context import get_current
from opentelemetry.instrumentation.utils import is_instrumentation_enabled

_FunctionWrapper: Any = wrapt.FunctionWrapper
_ROWS_AND_COLUMNS: Final = 2


class LeastObserved:
    """Runs that are queued as a duration and rows.

    Args:
        program: The program that is run.
    """

    def __init__(self, program: Any) -> None:
        self._active = True
        self._inside: Final[ContextVar[bool]] = ContextVar("least_observed_inside", default=False)
        known = (weakref.ref(program), program.num_ops(), {"paddle.model.name": "small_net"})
        self._programs: Final[dict[int, tuple[Any, int, Mapping[str, str]]]] = {id(program): known}
        self._inputs: Final[dict[tuple[str, ...], bool]] = {}
        self._queue: Final[deque[tuple[int, int | None, Mapping[str, str]]]] = deque(maxlen=1000)
        self._minimum_ns: Final = 60_000_000_000

    def around(self, function: Any) -> Any:
        """Return the function behind this."""
        return _FunctionWrapper(function, self._call)

    def _call(self, wrapped: Callable[..., Any], _: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if not self._active or (get_current() and not is_instrumentation_enabled()) or self._inside.get():
            return wrapped(*args, **kwargs)
        program: Any = args[0] if len(args) > 0 else kwargs.get("program")
        feed: dict[str, Any] = args[1] if len(args) > 1 else kwargs["feed"]
        known, operators, labels = self._programs[id(program)]
        if known() is not program or program.num_ops() != operators:
            return wrapped(*args, **kwargs)
        self._inputs.get(tuple(feed))
        inputs = tuple(feed.values())
        start = time.perf_counter_ns()
        try:
            result = wrapped(*args, **kwargs)
        finally:
            elapsed = time.perf_counter_ns() - start
            rows = None
            for value in inputs:
                shape: Any = getattr(value, "shape", ())
                if len(shape) >= _ROWS_AND_COLUMNS:
                    rows = int(shape[0])
                    break
            self._queue.append((elapsed, rows, labels))
        if elapsed > self._minimum_ns or get_current():
            raise AssertionError  # no span is due in what is measured
        return result
