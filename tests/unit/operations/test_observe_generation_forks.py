"""A fork in the middle of a generation: the child has a copy of it, and only the parent reports how it ended."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
from opentelemetry.trace import StatusCode

from forked import in_child
from global_sdk import globally, no_sdk
from paddle_otel.operations import observe_generation
from recording import Recorder

__all__ = ["globally", "no_sdk"]

NAMES = ("gen_ai.client.operation.duration", "gen_ai.server.request.duration", "paddle.tokens")


class BrokenError(Exception):
    """What a generation raises."""


def failing(recorder: Recorder, fail: Callable[[], object]) -> Callable[[], bool]:
    """Return a check for a child: its copy of a generation fails as the program's own code does, and nothing is told.

    Args:
        recorder: Where the child would report to.
        fail: Makes its copy fail.
    """

    def child() -> bool:
        with pytest.raises(BrokenError):
            fail()
        active = [point.value for point in recorder.points("paddle.request.active")]
        return recorder.spans() == [] and not any(map(recorder.points, NAMES)) and not any(active)

    return child


def finished_in_the_parent(recorder: Recorder, steps: int) -> None:
    """Check that the parent has reported the generation, as one that returned."""
    span = recorder.span("text_completion m")
    attributes = dict(span.attributes or {})
    assert span.status.status_code is StatusCode.UNSET
    assert "error.type" not in attributes
    assert attributes["gen_ai.usage.output_tokens"] == steps
    points = recorder.points("gen_ai.client.operation.duration")
    assert [(point.count, point.attributes.get("error.type")) for point in points] == [(1, None)]
    assert recorder.point("paddle.request.active").value == 0


def test_a_block_that_fails_in_a_forked_child(globally: Recorder) -> None:
    """The child leaves the block by an exception; in the parent it goes on and is told once."""
    with ExitStack() as stack:
        generation = stack.enter_context(observe_generation("m"))
        generation.step()

        def fail() -> None:
            with stack.pop_all():
                raise BrokenError

        assert in_child(failing(globally, fail)) == 0
        generation.step()
    finished_in_the_parent(globally, 2)


def test_a_generator_that_fails_in_a_forked_child(globally: Recorder) -> None:
    """The child reads on and the generator raises there; in the parent it comes to its end and is told once."""
    in_parent = [True]

    @observe_generation("m")
    def answer() -> Iterator[int]:
        yield 1
        if not in_parent[0]:
            raise BrokenError
        yield 2

    values = answer()
    assert next(values) == 1

    def fail() -> None:
        in_parent[0] = False
        next(values)

    assert in_child(failing(globally, fail)) == 0
    assert list(values) == [2]
    finished_in_the_parent(globally, 2)


def test_a_block_that_fails_where_it_began(globally: Recorder) -> None:
    """What the child does not tell would be seen: the same failure in the parent is a failed generation."""

    def fail() -> None:
        with observe_generation("m") as generation:
            generation.step()
            raise BrokenError

    with pytest.raises(BrokenError):
        fail()
    span = globally.span("text_completion m")
    assert span.status.status_code is StatusCode.ERROR
    assert dict(span.attributes or {})["error.type"] == f"{__name__}.BrokenError"
