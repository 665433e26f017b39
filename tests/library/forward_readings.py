"""Reads back what forwards of models report."""

from collections.abc import Callable
from typing import Any, Final

from library.expected import attributes_of
from recording import Recorder

DURATION: Final = "paddle.prediction.duration"


def predictions(recorder: Recorder) -> int:
    """Return how many predictions there were so far."""
    return sum(point.count for point in recorder.points(DURATION))


def below_a_span(recorder: Recorder, call: Callable[[], Any]) -> dict[str, Any]:
    """Make a call below a recorded span; return the attributes of the one span that it made."""
    with recorder.tracer_provider.get_tracer("a service").start_as_current_span("request"):
        call()
    request = recorder.span("request")
    (span,) = recorder.children(request)
    assert span.name.startswith(("predict ", "embeddings "))
    recorder.clear_spans()
    return attributes_of(span)
