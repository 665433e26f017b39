"""When the first token came, how long the others took, and the two children that show it."""

import time
from typing import Any

import pytest
from opentelemetry.trace import SpanKind

import stacks
from library.expected import Prompts, attributes_of, generation, output_tokens, seconds, typed
from library.forwards import Forwards
from recording import Recorder

FIRST = "paddle.time_to_first_token"
EACH = "paddle.time_per_output_token"
# Durations are kept in whole nanoseconds.
ROUNDING = 2e-9
# The span's own clock is not the one that the tests read; in nanoseconds, less than a pass through the model.
CLOCKS_APART = 500_000


class Clock:
    """A stopping criterion of a caller that notes when it was asked."""

    def __init__(self) -> None:
        self.times: list[int] = []

    def __call__(self, *_: Any, **__: Any) -> bool:
        """Note the time, go on."""
        self.times.append(time.time_ns())
        return False

    def __deepcopy__(self, _: dict[int, Any]) -> "Clock":
        """Stay the one that the test holds."""
        return self


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"decode_strategy": "sampling"},
        {"decode_strategy": "beam_search", "num_beams": 2},
        {"decode_strategy": "beam_search", "num_beams": 4, "num_beam_groups": 2},
    ],
    ids=["greedy", "sampling", "beam", "group beam"],
)
def test_the_first_token_is_timed_at_its_step(
    options: dict[str, Any], observed: Recorder, llama: Any, prompts: Prompts, stack: stacks.Stack
) -> None:
    """After the first pass through the model, before a caller's criterion is asked; the mean is over the later ones."""
    clock = Clock()
    criteria = stack.module("generation").StoppingCriteriaList([clock])
    with Forwards(llama) as forwards:
        llama.generate(**prompts.both, max_new_tokens=5, eos_token_id=None, stopping_criteria=criteria, **options)
    span = generation(observed)
    (kind, first), (other_kind, each) = (typed(attributes_of(span))[name] for name in (FIRST, EACH))
    assert (kind, other_kind) == ("float", "float")
    assert (forwards.count, len(clock.times)) == (5, 5)
    assert span.start_time is not None
    moment = span.start_time + first * 1e9
    assert forwards.times[0] - CLOCKS_APART < moment < clock.times[0] + CLOCKS_APART
    assert each == pytest.approx((seconds(span) - first) / 4, abs=ROUNDING)


def test_a_generation_has_the_children_prefill_and_decode(observed: Recorder, llama: Any, prompts: Prompts) -> None:
    """They divide the generation at the first token, without a gap, and carry nothing else."""
    llama.generate(**prompts.both, max_new_tokens=4, eos_token_id=None)
    parent = generation(observed)
    prefill, decode = observed.children(parent)
    assert (prefill.name, decode.name) == ("prefill", "decode")
    assert prefill.start_time == parent.start_time
    assert prefill.end_time == decode.start_time
    assert decode.end_time == parent.end_time
    assert seconds(prefill) == pytest.approx(attributes_of(parent)[FIRST], abs=ROUNDING)
    for child in (prefill, decode):
        assert attributes_of(child) == {}
        assert child.kind is SpanKind.INTERNAL
        assert child.events == ()
    assert len(observed.spans()) == 3


def test_a_single_token_has_no_decode_and_no_time_per_token(observed: Recorder, llama: Any, prompts: Prompts) -> None:
    """There is no second token to wait for."""
    llama.generate(**prompts.both, max_new_tokens=1)
    parent = generation(observed)
    assert [child.name for child in observed.children(parent)] == ["prefill"]
    assert FIRST in attributes_of(parent)
    assert EACH not in attributes_of(parent)
    assert observed.points("gen_ai.server.time_per_output_token") == []
    assert observed.point("gen_ai.server.time_to_first_token").count == 1


def test_without_a_streamer_there_is_no_first_chunk(observed: Recorder, llama: Any, prompts: Prompts) -> None:
    """A chunk is what a streaming caller gets."""
    llama.generate(**prompts.both, max_new_tokens=3)
    found = attributes_of(generation(observed))
    assert "gen_ai.response.time_to_first_chunk" not in found
    assert "gen_ai.request.stream" not in found


def test_beams_that_are_all_done_count_the_step_that_ended_them(
    observed: Recorder, llama: Any, prompts: Prompts
) -> None:
    """The library asks no criterion in the step in which all beams are done; that step took its time all the same."""
    options = {"decode_strategy": "beam_search", "num_beams": 2, "early_stopping": True}
    with Forwards(llama, end=stacks.EOS, at=4) as forwards:
        ids, _ = llama.generate(**prompts.first, max_new_tokens=8, eos_token_id=stacks.EOS, **options)
    assert forwards.count == 4
    assert output_tokens(ids.tolist()[0], {stacks.EOS}) == 4
    found = attributes_of(generation(observed))
    assert found[EACH] == pytest.approx((seconds(generation(observed)) - found[FIRST]) / 3, abs=ROUNDING)
