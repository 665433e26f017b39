"""The size of the key-value cache, compared with the keys and values that the model really returned."""

from collections.abc import Callable
from typing import Any

import pytest

import stacks
from library.expected import CACHE_SIZE, PREDICTED_CACHE_SIZE, Prompts, attributes_of, generation, typed
from library.forwards import Forwards
from recording import Recorder

BEAMS = {"decode_strategy": "beam_search", "num_beams": 4}


@pytest.mark.parametrize("kind", sorted(stacks.current().models))
def test_the_cache_is_as_large_as_the_keys_and_values_returned(
    kind: str, observed: Recorder, stack: stacks.Stack, prompts: Prompts, model_of: Callable[[str], Any]
) -> None:
    """Where the configuration tells the size it is that of the real cache, to the byte; elsewhere it is absent."""
    with Forwards(model_of(kind)) as forwards:
        model_of(kind).generate(**prompts.both, max_new_tokens=5, eos_token_id=None)
    assert forwards.cache_bytes > 0
    told = ("int", forwards.cache_bytes) if stack.models[kind].cache_is_told else None
    found = typed(attributes_of(generation(observed)))
    assert found.get(CACHE_SIZE) == told
    # Of five tokens, the last is written and not read back.
    assert found.get(PREDICTED_CACHE_SIZE) == told


@pytest.mark.parametrize(
    "entries",
    [
        {"sliding_window": 4},
        {"sliding_window": 4, "use_sliding_window": True},
        {"sliding_window": 4, "use_sliding_window": False},  # no model type that is known to have this switch
        {"sliding_window": 4, "layer_types": ["full_attention", "full_attention"]},
        {"sliding_window": 4, "layer_types": ["full_attention", "sliding_attention"]},
        {"layer_types": ["full_attention", "linear_attention"]},
        {"kv_lora_rank": 4},
        {"multi_query_group_num": 1},
        {"attn_layer_period": 2},
        {"attention_chunk_size": 4},
    ],
    ids=str,
)
def test_a_cache_of_another_shape_is_not_told(
    entries: dict[str, Any], observed: Recorder, stack: stacks.Stack, prompts: Prompts
) -> None:
    """Where a configuration says that some layers keep less, or does not say that none does, there is no size."""
    model = stack.model("llama")
    for name, value in entries.items():
        setattr(model.config, name, value)
    model.generate(**prompts.both, max_new_tokens=2, eos_token_id=None)
    assert {CACHE_SIZE, PREDICTED_CACHE_SIZE}.isdisjoint(attributes_of(generation(observed)))


def test_layers_that_are_all_the_same_keep_everything(
    observed: Recorder, stack: stacks.Stack, prompts: Prompts
) -> None:
    """A list of what each layer is does not make the cache smaller."""
    model = stack.model("llama")
    model.config.layer_types = ["full_attention", "full_attention"]
    with Forwards(model) as forwards:
        model.generate(**prompts.both, max_new_tokens=5, eos_token_id=None)
    assert typed(attributes_of(generation(observed)))[CACHE_SIZE] == ("int", forwards.cache_bytes)


@pytest.mark.parametrize(
    "options",
    [
        {"decode_strategy": "sampling", "num_return_sequences": 3},
        BEAMS,
        {**BEAMS, "num_return_sequences": 2},
        {**BEAMS, "num_beam_groups": 2},
    ],
    ids=["three sequences", "beams", "two of four beams", "groups of beams"],
)
def test_every_row_that_is_generated_has_a_cache(
    options: dict[str, Any], observed: Recorder, llama: Any, prompts: Prompts
) -> None:
    """Sequences and beams multiply the prompts."""
    with Forwards(llama) as forwards:
        llama.generate(**prompts.both, max_new_tokens=5, eos_token_id=None, **options)
    assert typed(attributes_of(generation(observed)))[CACHE_SIZE] == ("int", forwards.cache_bytes)


def test_the_cache_of_beams_that_are_all_done(observed: Recorder, llama: Any, prompts: Prompts) -> None:
    """The library asks no criterion in the step in which all beams are done, yet that step filled the cache too."""
    with Forwards(llama, end=stacks.EOS, at=3) as forwards:
        llama.generate(**prompts.both, max_new_tokens=8, eos_token_id=stacks.EOS, early_stopping=True, **BEAMS)
    assert forwards.count == 3
    assert typed(attributes_of(generation(observed)))[CACHE_SIZE] == ("int", forwards.cache_bytes)


def test_the_cache_of_a_single_step_is_the_prompts(observed: Recorder, llama: Any, prompts: Prompts) -> None:
    """The token that was written last has not been read back."""
    with Forwards(llama) as forwards:
        llama.generate(**prompts.both, max_new_tokens=1)
    assert typed(attributes_of(generation(observed)))[CACHE_SIZE] == ("int", forwards.cache_bytes)


@pytest.mark.parametrize("by", ["keyword", "configuration"])
def test_without_a_cache_there_is_no_size(
    by: str, observed: Recorder, stack: stacks.Stack, llama: Any, prompts: Prompts
) -> None:
    """``use_cache=False``: PaddleFormers keeps none; PaddleNLP takes the option and keeps one all the same."""
    options = {"use_cache": False, "max_new_tokens": 3, "eos_token_id": None}
    if by == "configuration":
        options = {"generation_config": stack.module("generation").GenerationConfig(**options)}
    with Forwards(llama) as forwards:
        llama.generate(**prompts.both, **options)
    assert (forwards.cache_bytes == 0) is stack.honours_use_cache
    told = ("int", forwards.cache_bytes) if forwards.cache_bytes else None
    assert typed(attributes_of(generation(observed))).get(CACHE_SIZE) == told


def test_embeddings_fill_the_cache_like_tokens(observed: Recorder, llama: Any, prompts: Prompts) -> None:
    """Five embeddings take five positions."""
    embeddings = llama.get_input_embeddings()(prompts.first["input_ids"])
    mask = prompts.first["attention_mask"]
    with Forwards(llama) as forwards:
        llama.generate(inputs_embeds=embeddings, attention_mask=mask, max_new_tokens=3, eos_token_id=None)
    assert typed(attributes_of(generation(observed)))[CACHE_SIZE] == ("int", forwards.cache_bytes)


def test_the_metric_is_the_cache_of_what_is_in_flight(
    observed: Recorder, stack: stacks.Stack, llama: Any, prompts: Prompts
) -> None:
    """It grows with every step, and is 0 afterwards."""
    sizes: list[float] = []

    def collect(*_: Any, **__: Any) -> bool:
        sizes.extend(point.value for point in observed.points("paddle.kv_cache.size"))
        return False

    criteria = stack.module("generation").StoppingCriteriaList([collect])
    llama.generate(**prompts.both, max_new_tokens=3, eos_token_id=None, stopping_criteria=criteria)
    with Forwards(llama) as forwards:
        llama.generate(**prompts.both, max_new_tokens=3, eos_token_id=None)
    per_position = forwards.cache_bytes / (prompts.columns + 2)
    assert sizes == [per_position * (prompts.columns + step) for step in range(3)]
    assert observed.point("paddle.kv_cache.size").value == 0
    assert observed.metrics()["paddle.kv_cache.size"].unit == "By"
