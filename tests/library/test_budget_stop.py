"""A budget with the action ``stop`` ends a generation at the token, however it decodes."""

import threading
from typing import Any

import pytest

import stacks
from budgeted import budget
from library.expected import Prompts, attributes_of, generation, generations, rows_of
from recording import Recorder

LIMIT = 7
BEAMS = {"decode_strategy": "beam_search", "num_beams": 3}
GROUPS = {"decode_strategy": "beam_search", "num_beams": 4, "num_beam_groups": 2}
SAMPLING = {"decode_strategy": "sampling"}
# An id that the model cannot write, also where it samples.
NO_END = {"max_new_tokens": 20, "eos_token_id": stacks.VOCABULARY_SIZE}


def budget_facts(recorder: Recorder) -> dict[str, Any]:
    """Return what the one generation says of its tokens, its end and its budget, as span and usage event both do."""
    names = (
        "gen_ai.usage.input_tokens",
        "gen_ai.usage.output_tokens",
        "gen_ai.response.finish_reasons",
        "paddle.budget.name",
        "error.type",
    )
    span, event = attributes_of(generation(recorder)), dict(recorder.event("paddle.usage").attributes or {})
    found = {name: span[name] for name in names if name in span}
    assert found == {name: event[name] for name in names if name in event}
    return found


@pytest.mark.parametrize("options", [{}, SAMPLING], ids=["greedy", "sampling"])
def test_a_single_sequence_gets_exactly_its_budget(
    options: dict[str, Any], observed: Recorder, llama: Any, prompts: Prompts
) -> None:
    """Seven tokens allowed, seven written: the result is as of a limit of seven, and says why."""
    with budget(LIMIT) as name:
        ids, scores = llama.generate(**prompts.first, **NO_END, **options)
    assert [len(row) for row in rows_of(ids)] == [LIMIT]
    assert list(scores.shape) == [1, 1]
    assert budget_facts(observed) == {
        "gen_ai.usage.input_tokens": 5,
        "gen_ai.usage.output_tokens": LIMIT,
        "gen_ai.response.finish_reasons": ("budget",),
        "paddle.budget.name": name,
    }
    assert attributes_of(generation(observed))["paddle.sequences.output_tokens"] == (LIMIT,)
    assert observed.point("paddle.tokens", gen_ai__token__type="output").value == LIMIT


def test_what_is_written_is_what_would_have_been_written(observed: Recorder, llama: Any, prompts: Prompts) -> None:
    """The tokens before the end are the same, with the same types, and the model is as it was."""
    whole, _ = llama.generate(**prompts.first, **NO_END)
    with budget(LIMIT):
        ids, scores = llama.generate(**prompts.first, **NO_END)
    again, _ = llama.generate(**prompts.first, **NO_END)
    assert rows_of(ids) == [rows_of(whole)[0][:LIMIT]]
    assert ids.dtype == whole.dtype
    assert rows_of(again) == rows_of(whole)
    limited, limited_scores = llama.generate(**prompts.first, **{**NO_END, "max_new_tokens": LIMIT})
    assert rows_of(limited) == rows_of(ids)
    assert scores.tolist() == limited_scores.tolist()
    assert len(generations(observed)) == 4


@pytest.mark.parametrize("options", [BEAMS, GROUPS], ids=["beams", "groups of beams"])
def test_a_search_ends_at_its_budget(options: dict[str, Any], observed: Recorder, llama: Any, prompts: Prompts) -> None:
    """The library puts an end token behind beams that had none: it is in the result, and no token of the model."""
    with budget(LIMIT) as name:
        ids, _ = llama.generate(**prompts.first, **NO_END, **options)
    (row,) = rows_of(ids)
    assert row.index(stacks.VOCABULARY_SIZE) == LIMIT
    assert budget_facts(observed) == {
        "gen_ai.usage.input_tokens": 5,
        "gen_ai.usage.output_tokens": LIMIT,
        "gen_ai.response.finish_reasons": ("budget",),
        "paddle.budget.name": name,
    }
    span = attributes_of(generation(observed))
    assert span["paddle.sequences.output_tokens"] == (LIMIT,)
    assert "paddle.time_per_output_token" in span
    # Seven steps in place of twenty, behind a prompt of five; what was written last is not in the cache.
    assert span["paddle.kv_cache.size"] * (5 + 20 - 1) == span["paddle.kv_cache.predicted_size"] * (5 + LIMIT - 1)
    assert observed.point("paddle.tokens", gen_ai__token__type="output").value == LIMIT


@pytest.mark.parametrize(
    ("options", "each"),
    [({}, 3), (SAMPLING, 3), ({**SAMPLING, "num_return_sequences": 3}, 1), (BEAMS, 3)],
    ids=["greedy", "sampling", "three of each", "beams"],
)
def test_the_sequences_of_a_batch_share_a_budget(
    options: dict[str, Any], each: int, observed: Recorder, llama: Any, prompts: Prompts
) -> None:
    """A step that would go beyond it is not begun: the sum is at most the budget."""
    with budget(LIMIT) as name:
        ids, _ = llama.generate(**prompts.both, **NO_END, **options)
    rows = len(rows_of(ids))
    assert budget_facts(observed) == {
        "gen_ai.usage.input_tokens": prompts.tokens,
        "gen_ai.usage.output_tokens": rows * each,
        "gen_ai.response.finish_reasons": ("budget",) * rows,
        "paddle.budget.name": name,
    }
    assert rows * each <= LIMIT


@pytest.mark.parametrize("limit", [0, 1])
@pytest.mark.parametrize("options", [{}, SAMPLING, BEAMS], ids=["greedy", "sampling", "beams"])
def test_the_first_step_is_always_made(
    options: dict[str, Any], limit: int, observed: Recorder, llama: Any, prompts: Prompts
) -> None:
    """Only a budget that refuses keeps a generation from beginning."""
    with budget(limit):
        llama.generate(**prompts.first, **NO_END, **options)
    found = budget_facts(observed)
    assert found["gen_ai.usage.output_tokens"] == 1
    assert found["gen_ai.response.finish_reasons"] == ("budget",)


@pytest.mark.parametrize("options", [{}, SAMPLING, BEAMS], ids=["greedy", "sampling", "beams"])
def test_a_length_limit_that_is_reached_first(
    options: dict[str, Any], observed: Recorder, llama: Any, prompts: Prompts
) -> None:
    """With as many tokens asked for as allowed, or fewer, the budget has ended nothing and says nothing."""
    with budget(LIMIT):
        llama.generate(**prompts.first, **{**NO_END, "max_new_tokens": LIMIT}, **options)
    found = budget_facts(observed)
    assert found["gen_ai.usage.output_tokens"] == LIMIT
    assert found["gen_ai.response.finish_reasons"] == ("length",)
    assert "paddle.budget.name" not in found
    assert observed.events("paddle.budget.exceeded") == []


def test_the_callers_criteria_are_asked_as_ever(
    observed: Recorder, stack: stacks.Stack, llama: Any, prompts: Prompts
) -> None:
    """They stop first where they do; their list is the same object with the same members."""
    asked: list[int] = []

    class StopsAtThree:
        def __call__(self, ids: Any, *_: Any, **__: Any) -> bool:
            asked.append(int(ids.shape[1]))
            return len(asked) == 3

        def __deepcopy__(self, _: dict[int, Any]) -> "StopsAtThree":
            return self

    criterion = StopsAtThree()
    criteria = stack.module("generation").StoppingCriteriaList([criterion])
    with budget(LIMIT):
        ids, _ = llama.generate(**prompts.first, **NO_END, stopping_criteria=criteria)
    assert [len(row) for row in rows_of(ids)] == [3]
    assert asked == [6, 7, 8]
    assert list(criteria) == [criterion]
    found = budget_facts(observed)
    assert found["gen_ai.response.finish_reasons"] == ("stop",)
    assert "paddle.budget.name" not in found


def test_the_callers_criteria_see_the_last_step_of_a_budget(
    observed: Recorder, stack: stacks.Stack, llama: Any, prompts: Prompts
) -> None:
    """A program that follows a generation by its criteria misses no token."""
    seen: list[int] = []

    class Follows:
        def __call__(self, ids: Any, *_: Any, **__: Any) -> bool:
            seen.append(int(ids.shape[1]))
            return False

        def __deepcopy__(self, _: dict[int, Any]) -> "Follows":
            return self

    criteria = stack.module("generation").StoppingCriteriaList([Follows()])
    with budget(3):
        ids, _ = llama.generate(**prompts.first, **NO_END, stopping_criteria=criteria)
    assert [len(row) for row in rows_of(ids)] == [3]
    assert seen == [6, 7, 8]
    assert budget_facts(observed)["gen_ai.response.finish_reasons"] == ("budget",)


def test_a_search_that_a_budget_ends_one_step_before_its_limit(
    observed: Recorder, llama: Any, prompts: Prompts
) -> None:
    """The end token behind its beams fills the row up to the limit; the budget ended it all the same."""
    with budget(3) as name:
        llama.generate(**prompts.first, **{**NO_END, "max_new_tokens": 4}, **BEAMS)
    assert budget_facts(observed) == {
        "gen_ai.usage.input_tokens": 5,
        "gen_ai.usage.output_tokens": 3,
        "gen_ai.response.finish_reasons": ("budget",),
        "paddle.budget.name": name,
    }


def test_a_budget_for_input_ends_nothing(observed: Recorder, llama: Any, prompts: Prompts) -> None:
    """Without a budget that applies, everything is as ever."""
    with budget(100, counts="input"), budget(3, scope="tenant"), budget(3, match={"model": "another"}):
        ids, _ = llama.generate(**prompts.first, **NO_END)
    assert [len(row) for row in rows_of(ids)] == [20]
    assert budget_facts(observed)["gen_ai.response.finish_reasons"] == ("length",)


def test_input_and_output_count_together(observed: Recorder, llama: Any, prompts: Prompts) -> None:
    """Of twelve tokens five are the prompt's."""
    with budget(12, counts="both"):
        ids, _ = llama.generate(**prompts.first, **NO_END)
    assert [len(row) for row in rows_of(ids)] == [LIMIT]
    assert budget_facts(observed)["gen_ai.usage.input_tokens"] == 5


def test_a_streamer_is_ended(observed: Recorder, stack: stacks.Stack, llama: Any, prompts: Prompts) -> None:
    """It gets every token that was made and its end, so that who iterates in another thread comes to an end."""
    puts: list[Any] = []
    ended: list[bool] = []

    class Streamer:
        def put(self, ids: Any) -> None:
            puts.append(rows_of(ids))

        def end(self) -> None:
            ended.append(True)

    with budget(LIMIT):
        ids, _ = llama.generate(**prompts.first, **NO_END, streamer=Streamer())
    assert puts[stack.streams_prompt :] == [[[token]] for token in rows_of(ids)[0]]
    assert ended == [True]
    assert budget_facts(observed)["gen_ai.usage.output_tokens"] == LIMIT


def test_the_reader_of_an_iterating_streamer_comes_to_its_end(
    observed: Recorder, stack: stacks.Stack, llama: Any, prompts: Prompts, tokenizer: Any
) -> None:
    """Generate in a thread, read here: the usual way to stream."""
    streamer = stack.module("generation").TextIteratorStreamer(tokenizer, timeout=60)
    results: list[Any] = []

    def run() -> None:
        results.append(llama.generate(**prompts.first, **NO_END, streamer=streamer))

    with budget(LIMIT):
        thread = threading.Thread(target=run)
        thread.start()
        text = "".join(streamer)
        thread.join()
    (row,) = rows_of(results[0][0])
    prompt = list(prompts.ids[0]) if stack.streams_prompt else []
    assert len(row) == LIMIT
    assert text == tokenizer.decode([*prompt, *row])
    assert budget_facts(observed)["gen_ai.response.finish_reasons"] == ("budget",)
