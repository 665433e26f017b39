"""The options of ``generate`` are resolved as the library resolves them; those that the caller set are reported."""

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from paddle_otel.pretrained.generate_arguments import PARAMETERS, GenerateArguments
from stub_library import installed, make_stub, module
from stubs.tensors import StubTensor


@pytest.fixture
def model() -> Iterator[Any]:
    """A model with options of its own."""
    with installed():
        made = make_stub().model
        made.config = SimpleNamespace(eos_token_id=91, pad_token_id=90)
        made.generation_config = config(eos_token_id=2, pad_token_id=0, temperature=0.25)
        yield made


def config(**options: Any) -> Any:
    """Return a generation configuration of the library."""
    return module("paddleformers.generation.utils").GenerationConfig(**options)


def read(model: Any, *args: Any, **kwargs: Any) -> GenerateArguments:
    """Read the arguments of a call."""
    return GenerateArguments(model, args, kwargs)


@pytest.mark.parametrize("position", range(len(PARAMETERS)))
def test_arguments_by_position_and_by_name(model: Any, position: int) -> None:
    """Each parameter is found however it was passed; what was not passed is None."""
    name, value = PARAMETERS[position], SimpleNamespace(shape=[2, 3])
    assert read(model, *[None] * position, value).argument(name) is value
    assert read(model, **{name: value}).argument(name) is value
    assert read(model).argument(name) is None
    assert read(model, *[None] * 9, **{name: value}).argument(name) is value


@pytest.mark.parametrize("shape", [[3, 7], (3, 7), np.array([3, 7])])
def test_prompt_size(model: Any, shape: Any) -> None:
    """Rows and columns are plain ints, whatever kind of shape the version has."""
    arguments = read(model, SimpleNamespace(shape=shape))
    assert (arguments.rows, arguments.columns) == (3, 7)
    assert type(arguments.rows) is type(arguments.columns) is int


def test_prompt_size_without_ids(model: Any) -> None:
    """Embeddings have rows and columns too; without any prompt the library starts from one token."""
    embedded = read(model, inputs_embeds=StubTensor(np.zeros((2, 5, 8))))
    assert (embedded.rows, embedded.columns, embedded.input_ids) == (2, 5, None)
    nothing = read(model)
    assert (nothing.rows, nothing.columns) == (1, 1)


def test_a_keyword_wins_over_every_configuration(model: Any) -> None:
    """Keyword, then the configuration that was passed, then the model's own."""
    assert read(model, temperature=0.75, generation_config=config(temperature=0.5)).option("temperature") == 0.75
    assert read(model, generation_config=config(temperature=0.5)).option("temperature") == 0.5
    assert read(model, None, config(temperature=0.5)).option("temperature") == 0.5
    assert read(model).option("temperature") == 0.25
    assert read(model, temperature=0.0).option("temperature") == 0.0
    assert read(model).option("unheard_of") is None


def test_options_are_read_when_asked(model: Any) -> None:
    """A configuration that the library replaces during the call counts as it is afterwards."""
    arguments = read(model)
    model.generation_config = config(eos_token_id=7)
    assert arguments.end_ids == {7}


@pytest.mark.parametrize(
    ("options", "ids"),
    [
        ({}, {2}),
        ({"eos_token_id": 5}, {5}),
        ({"eos_token_id": 0}, {0}),
        ({"eos_token_id": [5, 6]}, {5, 6}),
        ({"eos_token_id": [[5], [6, 7]]}, {5, 6, 7}),
        ({"eos_token_id": (5, np.int64(6))}, {5, 6}),
        ({"eos_token_id": []}, set[int]()),
        ({"generation_config_eos": 8}, {8}),
        # The configuration that was passed says nothing, so the model's configuration does; not its generation's.
        ({"generation_config_eos": None}, {91}),
        # As the library: None given as a keyword overrides the generation configuration.
        ({"eos_token_id": None}, {91}),
    ],
)
def test_end_ids(model: Any, options: dict[str, Any], ids: set[int]) -> None:
    """One id, a list, a list of lists; the model's configuration where no generation option says."""
    if "generation_config_eos" in options:
        options = {"generation_config": config(eos_token_id=options["generation_config_eos"])}
    assert read(model, **options).end_ids == ids


def test_no_end_id_at_all(model: Any) -> None:
    """A model without any has none, and no error."""
    model.generation_config, model.config = config(), SimpleNamespace()
    assert read(model).end_ids == frozenset()
    assert read(model).pad_id is None


def test_pad_id(model: Any) -> None:
    """From the same places; what is not one id is none."""
    assert read(model).pad_id == 0
    assert read(model, pad_token_id=4).pad_id == 4
    assert read(model, generation_config=config()).pad_id == 90
    assert read(model, pad_token_id=[4]).pad_id is None


@pytest.mark.parametrize(
    ("options", "limit"),
    [
        ({}, 20),
        ({"max_new_tokens": 7}, 7),
        ({"max_length": 30}, 30),
        ({"max_length": 30, "max_new_tokens": 7}, 7),
        ({"max_length": 30, "max_new_tokens": 20}, 30),
        ({"generation_config": {"max_length": 30}}, 30),
        ({"generation_config": {"max_new_tokens": 9}}, 9),
        ({"generation_config": {"max_new_tokens": 9}, "max_length": 30}, 9),
        ({"generation_config": {"max_length": 30}, "max_new_tokens": 7}, 7),
    ],
)
def test_limit_of_new_tokens(model: Any, options: dict[str, Any], limit: int) -> None:
    """The deprecated ``max_length`` counts new tokens, and only beside the default of ``max_new_tokens``."""
    if "generation_config" in options:
        options = {**options, "generation_config": config(**options["generation_config"])}
    assert read(model, **options).max_new_tokens == limit


def test_strategy_beams_and_choices(model: Any) -> None:
    """Beams count in beam search only; choices are what is returned per prompt."""
    assert (read(model).strategy, read(model).beams, read(model).choices) == ("greedy_search", 1, 1)
    beams = read(model, decode_strategy="beam_search", num_beams=4, num_return_sequences=2)
    assert (beams.strategy, beams.beams, beams.choices) == ("beam_search", 4, 2)
    sampled = read(model, decode_strategy="sampling", num_beams=4, num_return_sequences=3)
    assert (sampled.strategy, sampled.beams, sampled.choices) == ("sampling", 1, 3)


def test_request_attributes_are_what_the_caller_set(model: Any) -> None:
    """Defaults, and what the model's own configuration brings, are not the caller's: absent."""
    assert read(model).request_attributes() == {}
    assert read(model, generation_config=config()).request_attributes() == {}


def test_request_attributes_and_their_types(model: Any) -> None:
    """Each has the type of the convention, whatever number the caller wrote."""
    found = read(
        model,
        max_new_tokens=np.int64(7).item(),
        temperature=1,
        top_p=0.5,
        top_k=5.0,
        seed=3,
        num_return_sequences=2,
    ).request_attributes()
    assert found == {
        "gen_ai.request.max_tokens": 7,
        "gen_ai.request.temperature": 1.0,
        "gen_ai.request.top_p": 0.5,
        "gen_ai.request.top_k": 5,
        "gen_ai.request.seed": 3,
        "gen_ai.request.choice.count": 2,
    }
    assert [type(value) for value in found.values()] == [int, float, float, int, int, int]


def test_request_attributes_from_a_passed_configuration(model: Any) -> None:
    """What differs from the defaults in the configuration that was passed was set by the caller."""
    passed = config(max_new_tokens=64, temperature=0.5, top_p=1.0)
    assert read(model, generation_config=passed).request_attributes() == {
        "gen_ai.request.max_tokens": 64,
        "gen_ai.request.temperature": 0.5,
    }
    assert read(model, max_length=30).request_attributes() == {"gen_ai.request.max_tokens": 30}
    # A keyword equal to the default is the caller's all the same.
    assert read(model, temperature=1.0).request_attributes() == {"gen_ai.request.temperature": 1.0}


def test_options_that_are_no_numbers_are_left_out(model: Any) -> None:
    """A tensor or a text where a number belongs is neither evaluated nor reported."""
    found = read(model, temperature=StubTensor([0.5]), top_p="0.9", top_k=None).request_attributes()
    assert found == {}
