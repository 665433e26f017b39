"""Stopping criteria of the caller keep their meaning, their list and their place."""

import time
from typing import Any, cast

import pytest

import stacks
from library.expected import Prompts, expected_attributes, facts, generation, rows_of, typed
from recording import Recorder


class StopsAfter:
    """Stops at a step; stays itself when the library copies the list."""

    def __init__(self, steps: int) -> None:
        self.steps = steps
        self.asked: list[tuple[list[int], int]] = []

    def __call__(self, ids: Any, scores: Any, **_: Any) -> bool:
        """Note the shapes, stop at the step."""
        self.asked.append((list(ids.shape), len(scores.shape)))
        return len(self.asked) >= self.steps

    def __deepcopy__(self, _: dict[int, Any]) -> "StopsAfter":
        """Stay the one that the test holds."""
        return self


@pytest.mark.parametrize("strategy", ["greedy_search", "sampling"])
def test_a_criterion_that_stops_gives_that_many_tokens(
    strategy: str, observed: Recorder, stack: stacks.Stack, llama: Any, prompts: Prompts
) -> None:
    """Neither an end token nor the limit ended the rows: something else stopped them."""
    criterion = StopsAfter(3)
    criteria = stack.module("generation").StoppingCriteriaList([criterion])
    ids, _ = llama.generate(
        **prompts.both, max_new_tokens=8, eos_token_id=None, stopping_criteria=criteria, decode_strategy=strategy
    )
    rows = rows_of(ids)
    assert [len(row) for row in rows] == [3, 3]
    assert [ids_shape for ids_shape, _ in criterion.asked] == [[2, 6], [2, 7], [2, 8]]
    expected = expected_attributes(rows, {stacks.EOS}, 8, prompts.tokens, paddle__decode_strategy=strategy)
    assert expected["gen_ai.response.finish_reasons"] == ("stop", "stop")
    assert facts(generation(observed)) == typed(expected)


def test_a_criterion_that_stops_a_search(observed: Recorder, stack: stacks.Stack, llama: Any, prompts: Prompts) -> None:
    """Beams are finished with an end token where the limit allows; counts are those of the returned ids."""
    criteria = stack.module("generation").StoppingCriteriaList([StopsAfter(3)])
    options = {"decode_strategy": "beam_search", "num_beams": 2, "eos_token_id": stacks.EOS}
    ids, _ = llama.generate(**prompts.both, max_new_tokens=8, stopping_criteria=criteria, **options)
    expected = expected_attributes(
        rows_of(ids),
        {stacks.EOS},
        8,
        prompts.tokens,
        paddle__decode_strategy="beam_search",
        paddle__num_beams=2,
    )
    assert facts(generation(observed)) == typed(expected)


@pytest.mark.parametrize("positional", [False, True])
def test_the_callers_list_is_not_changed(
    positional: bool, observed: Recorder, stack: stacks.Stack, llama: Any, prompts: Prompts
) -> None:
    """Same object, same length, same members, however it was passed."""
    criterion = StopsAfter(2)
    criteria = stack.module("generation").StoppingCriteriaList([criterion])
    mask = prompts.first["attention_mask"]
    if positional:
        llama.generate(prompts.first["input_ids"], None, criteria, attention_mask=mask, max_new_tokens=4)
    else:
        llama.generate(**prompts.first, stopping_criteria=criteria, max_new_tokens=4)
    assert len(criteria) == 1
    assert criteria[0] is criterion
    assert len(criterion.asked) == 2
    assert generation(observed)


def test_a_list_class_of_the_caller_is_kept(
    observed: Recorder, stack: stacks.Stack, llama: Any, prompts: Prompts
) -> None:
    """A subclass with an attribute and a rule of its own goes on deciding by that rule."""
    base = stack.module("generation").StoppingCriteriaList

    class StopsWhenAllSay(base):
        note = ""

        def __call__(self, ids: Any, scores: Any, **_: Any) -> bool:
            assert self.note == "kept"
            members = cast("list[Any]", self)
            own = [criterion for criterion in members if isinstance(criterion, StopsAfter)]
            return all([criterion(ids, scores) for criterion in own])  # noqa: C419 - each is to be asked

    criteria = StopsWhenAllSay([StopsAfter(2), StopsAfter(3)])
    criteria.note = "kept"
    ids, _ = llama.generate(**prompts.first, max_new_tokens=6, eos_token_id=None, stopping_criteria=criteria)
    assert [len(row) for row in rows_of(ids)] == [3]
    assert type(criteria) is StopsWhenAllSay
    assert len(criteria) == 2
    assert generation(observed)


def test_the_librarys_own_criteria_work(observed: Recorder, stack: stacks.Stack, llama: Any, prompts: Prompts) -> None:
    """A time limit that is over stops after the first token."""
    generation_module = stack.module("generation.stopping_criteria")
    late = generation_module.MaxTimeCriteria(max_time=0.0, initial_timestamp=time.time() - 1)
    criteria = generation_module.StoppingCriteriaList([late])
    ids, _ = llama.generate(**prompts.first, max_new_tokens=6, eos_token_id=None, stopping_criteria=criteria)
    rows = rows_of(ids)
    assert [len(row) for row in rows] == [1]
    assert facts(generation(observed)) == typed(expected_attributes(rows, {stacks.EOS}, 6, 5))


@pytest.mark.parametrize("wrong", ["a bare criterion", "a plain list", "a tuple"])
def test_criteria_that_the_library_rejects_are_left_to_it(
    wrong: str, observed: Recorder, stack: stacks.Stack, llama: Any, prompts: Prompts
) -> None:
    """What is no list of criteria fails as it does without us."""
    criterion = StopsAfter(1)
    criteria: Any = {"a bare criterion": criterion, "a plain list": [criterion], "a tuple": (criterion,)}[wrong]
    with pytest.raises(AttributeError, match="max_length") as with_us:
        llama.generate(**prompts.first, stopping_criteria=criteria)
    stack.new_instrumentor().uninstrument()
    with pytest.raises(AttributeError, match="max_length") as alone:
        llama.generate(**prompts.first, stopping_criteria=criteria)
    assert with_us.value.args == alone.value.args
    assert generation(observed)
