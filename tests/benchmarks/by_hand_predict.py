"""What somebody would write by hand around a prediction: a span and a histogram, no more care."""

import time
from collections.abc import Callable
from typing import Any, Final

ATTRIBUTES: Final = {
    "paddle.model.name": "small_net",
    "paddle.model.kind": "predictor",
    "paddle.device": "cpu",
    "paddle.batch_size": 4,
}
LABELS: Final = {"paddle.model.name": "small_net", "paddle.model.kind": "predictor"}
SECONDS: Final = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0]


class ByHand:
    """Hand-instrumented calls."""

    def __init__(self, tracer_provider: Any, meter_provider: Any) -> None:
        self._tracer = tracer_provider.get_tracer("by hand")
        meter = meter_provider.get_meter("by hand")
        self._duration = meter.create_histogram("duration", explicit_bucket_boundaries_advisory=SECONDS)

    def around(self, call: Callable[[], Any]) -> Callable[[], Any]:
        """Return the call with a span and a histogram around it."""

        def observed() -> Any:
            start = time.perf_counter()
            with self._tracer.start_as_current_span("predict small_net", attributes=ATTRIBUTES):
                result = call()
            self._duration.record(time.perf_counter() - start, LABELS)
            return result

        return observed

    def timed(self, call: Callable[[], Any]) -> Callable[[], Any]:
        """Return the call with a histogram around it, and no span."""

        def observed() -> Any:
            start = time.perf_counter()
            result = call()
            self._duration.record(time.perf_counter() - start, LABELS)
            return result

        return observed
