"""A histogram for calls that are as short as recording a value.

Recording one value costs the SDK 10 to 20 microseconds, as much as a short tokenizer call. Values are therefore queued,
at a tenth of a microsecond each, and recorded when the SDK collects, in the collecting thread. The queue is bounded:
past its size values are recorded at once, so nothing is lost and memory does not grow.

The SDK has no way to record many values at once: what is deferred costs the collecting thread what it would have cost
the program. That thread gives way in between, as one that never does would hold up each call of the program by the
5 milliseconds after which Python takes turns.
"""

import time
from collections import deque
from collections.abc import Mapping
from typing import Final

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.metrics import Meter

from paddle_otel import instruments
from paddle_otel.conventions.metric import Metric
from paddle_otel.forking import call_in_forked_child
from paddle_otel.guard import attempt

MAXIMUM_QUEUED: Final = 32768
"""Values, or pairs of them, that wait for the next collection: 500 a second when the SDK collects once a minute.

They take about 3 MB, of pairs 5.
"""
GIVES_WAY_AFTER: Final = 16
"""Values, or pairs of them, that are recorded without giving way to other threads: a quarter of a millisecond."""
LONGEST_COURTESY: Final = 0.5
"""How many seconds a collection gives way; in a process that is busy with Python each time takes 5 milliseconds."""

_A_MOMENT: Final = 1e-6  # seconds; not 0, at which a thread that waits is often not woken before this one goes on

# Deferred values carry no exemplar: their span has ended by the time they are recorded. Not an empty context: the SDK
# takes that for none given, and would tie them to the span in which the collection happens to run.
_NO_SPAN: Final[Context] = trace.set_span_in_context(trace.INVALID_SPAN, Context())


class DeferredHistogram:
    """Records values at the next collection; those of several histograms together, where they come together.

    Args:
        meter: Where the histogram is created. The callback of an observable instrument of the same provider has to
            call :meth:`flush`: the SDK calls those first and reads the other instruments after them, so what is
            recorded there is part of the same collection.
        metric: A metric of the kind ``histogram``.
        others: More of them, whose values have the same attributes.
        defers: Whether such a callback exists; without one values are recorded at once, until :meth:`begin_to_defer`.
    """

    def __init__(self, meter: Meter, metric: Metric, *others: Metric, defers: bool = True) -> None:
        self._histograms: Final = tuple(instruments.histogram(meter, one) for one in (metric, *others))
        self._defers = defers
        self._queue: deque[tuple[float | None, Mapping[str, str], tuple[float | None, ...]]] = deque()
        call_in_forked_child(self._reset)

    def _reset(self) -> None:
        self._queue.clear()  # the parent reports these

    def begin_to_defer(self) -> None:
        """Leave values for :meth:`flush` from now on: there is a callback that calls it."""
        self._defers = True

    def record(self, value: float | None, attributes: Mapping[str, str], *others: float | None) -> None:
        """Record a value, now or at the next collection.

        Args:
            value: Of the histogram; ``None`` for none.
            attributes: Must not change afterwards.
            others: Of the other histograms in their order, likewise.
        """
        if self._defers and len(self._queue) < MAXIMUM_QUEUED:
            self._queue.append((value, attributes, others))
        else:
            self._record(value, attributes, others)

    def flush(self) -> None:
        """Record what is queued now."""
        courteous_until = time.monotonic() + LONGEST_COURTESY
        # Bounded by what is there at the start: busy writers must not keep a collection from ending.
        for number in range(1, len(self._queue) + 1):
            try:
                values = self._queue.popleft()
            except IndexError:
                return  # another reader collects at the same time
            self._record(*values)
            if number % GIVES_WAY_AFTER == 0 and time.monotonic() < courteous_until:
                time.sleep(_A_MOMENT)

    def _record(self, value: float | None, attributes: Mapping[str, str], others: tuple[float | None, ...]) -> None:
        for histogram, one in zip(self._histograms, (value, *others), strict=False):  # the last may be left out
            if one is not None:
                # Each by itself: a broken one costs its values, not those of the others.
                attempt("recording a value", histogram.record, one, attributes, _NO_SPAN)
