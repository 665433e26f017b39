"""The ways to pass options to ``generate``: keywords, positions, a configuration, the model's own."""

from collections.abc import Callable
from typing import Any

import pytest

import stacks
from library.expected import Prompts, attributes_of, expected_attributes, facts, generation, held_by, rows_of, typed
from recording import Recorder

MAX_TOKENS = "gen_ai.request.max_tokens"


@pytest.fixture
def configuration(stack: stacks.Stack, paddle: Any) -> Callable[..., Any]:
    """The library's ``GenerationConfig``."""
    assert paddle
    made: Callable[..., Any] = stack.module("generation").GenerationConfig
    return made


def test_what_the_caller_does_not_set_is_absent(observed: Recorder, llama: Any, prompts: Prompts) -> None:
    """The library's defaults are not the caller's wishes; twenty tokens is its default limit."""
    ids, _ = llama.generate(**prompts.first)
    rows = rows_of(ids)
    expected = expected_attributes(rows, {stacks.EOS}, 20, 5, gen_ai__request__max_tokens=None)
    assert facts(generation(observed)) == typed(expected)


def test_max_length_is_another_name_for_new_tokens(observed: Recorder, llama: Any, prompts: Prompts) -> None:
    """The library's deprecated option counts new tokens too."""
    ids, _ = llama.generate(**prompts.first, max_length=4, eos_token_id=None)
    (row,) = rows_of(ids)
    assert len(row) == 4
    assert facts(generation(observed)) == typed(expected_attributes([row], {stacks.EOS}, 4, 5))


def test_max_length_yields_to_max_new_tokens(observed: Recorder, llama: Any, prompts: Prompts) -> None:
    """Given both, the library takes the newer one."""
    ids, _ = llama.generate(**prompts.first, max_length=4, max_new_tokens=3, eos_token_id=None)
    (row,) = rows_of(ids)
    assert len(row) == 3
    assert facts(generation(observed)) == typed(expected_attributes([row], {stacks.EOS}, 3, 5))


def test_options_in_a_configuration(
    observed: Recorder, llama: Any, prompts: Prompts, configuration: Callable[..., Any], paddle: Any
) -> None:
    """A ``GenerationConfig`` sets the same options; what it leaves at its default is absent."""
    options = configuration(
        max_new_tokens=3, decode_strategy="sampling", top_k=7, num_return_sequences=2, eos_token_id=stacks.EOS
    )
    paddle.seed(5)
    ids, _ = llama.generate(**prompts.first, generation_config=options)
    expected = expected_attributes(
        rows_of(ids),
        {stacks.EOS},
        3,
        5,
        paddle__batch_size=1,
        paddle__decode_strategy="sampling",
        gen_ai__request__top_k=7,
        gen_ai__request__choice__count=2,
    )
    assert facts(generation(observed)) == typed(expected)


def test_a_keyword_wins_over_the_configuration(
    observed: Recorder, llama: Any, prompts: Prompts, configuration: Callable[..., Any]
) -> None:
    """The configuration asks for nine tokens, the keyword for two; the configuration stays as it was."""
    options = configuration(max_new_tokens=9, eos_token_id=stacks.EOS)
    before = held_by(options)
    ids, _ = llama.generate(**prompts.first, generation_config=options, max_new_tokens=2)
    assert held_by(options) == before
    assert facts(generation(observed)) == typed(expected_attributes(rows_of(ids), {stacks.EOS}, 2, 5))


def test_positional_arguments_keep_their_meaning(
    observed: Recorder, stack: stacks.Stack, llama: Any, prompts: Prompts, configuration: Callable[..., Any]
) -> None:
    """Prompt, configuration, criteria and streamer by position."""
    criteria = stack.module("generation").StoppingCriteriaList()
    ended: list[bool] = []

    class Streamer:
        def put(self, _: Any) -> None:
            ended.append(False)

        def end(self) -> None:
            ended.append(True)

    options = configuration(max_new_tokens=3, eos_token_id=None)
    arguments = (prompts.first["input_ids"], options, criteria, Streamer(), False)
    ids, _ = llama.generate(*arguments, attention_mask=prompts.first["attention_mask"])
    assert criteria == []
    assert ended == [*[False] * (3 + stack.streams_prompt), True]
    expected = expected_attributes(rows_of(ids), {stacks.EOS}, 3, 5, gen_ai__request__stream=True)
    assert facts(generation(observed)) == typed(expected)


def test_whole_numbers_become_the_type_of_the_attribute(observed: Recorder, llama: Any, prompts: Prompts) -> None:
    """Temperature is a double in the conventions, also where the caller wrote an integer."""
    llama.generate(**prompts.first, max_new_tokens=1, decode_strategy="sampling", temperature=2, top_p=1, top_k=3)
    found = typed(attributes_of(generation(observed)))
    assert found["gen_ai.request.temperature"] == ("float", 2.0)
    assert found["gen_ai.request.top_p"] == ("float", 1.0)
    assert found["gen_ai.request.top_k"] == ("int", 3)


def test_the_models_own_configuration_is_read_and_kept(
    observed: Recorder, stack: stacks.Stack, prompts: Prompts
) -> None:
    """Options set on ``model.generation_config`` decide what happens, yet are not this caller's wishes."""
    model = stack.model("llama")
    generation_config = stack.module("generation").GenerationConfig
    model.generation_config = generation_config(max_new_tokens=2, eos_token_id=stacks.EOS)
    own = model.generation_config
    ids, _ = model.generate(**prompts.first)
    assert model.generation_config is own
    expected = expected_attributes(rows_of(ids), {stacks.EOS}, 2, 5, gen_ai__request__max_tokens=None)
    assert facts(generation(observed)) == typed(expected)


def test_the_callers_arguments_are_not_changed(observed: Recorder, llama: Any, prompts: Prompts) -> None:
    """Keyword dictionaries and tensors are the caller's."""
    arguments = {**prompts.both, "max_new_tokens": 2}
    held = dict(arguments)
    contents = {name: rows_of(arguments[name]) for name in ("input_ids", "attention_mask")}
    llama.generate(**arguments)
    assert all(arguments[name] is value for name, value in held.items())
    assert len(arguments) == len(held)
    assert {name: rows_of(arguments[name]) for name in contents} == contents
    assert generation(observed)
