"""Every decoding strategy, with counts and finish reasons computed from the returned ids."""

from typing import Any, NamedTuple, cast

import pytest
from opentelemetry.trace import SpanKind, StatusCode

from library.expected import Prompts, an_end, expected_attributes, facts, generation, rows_of, typed
from recording import Recorder


class Strategy(NamedTuple):
    """How to generate, and what that adds to the span.

    Attributes:
        options: Keyword arguments of ``generate``.
        attributes: More attributes, as for ``expected_attributes``.
    """

    options: dict[str, Any]
    attributes: dict[str, Any]


SAMPLING = {"decode_strategy": "sampling", "top_k": 5, "top_p": 0.9, "temperature": 0.7}
SAMPLED = {
    "paddle__decode_strategy": "sampling",
    "gen_ai__request__top_k": 5,
    "gen_ai__request__top_p": 0.9,
    "gen_ai__request__temperature": 0.7,
}
BEAMS = {"decode_strategy": "beam_search", "num_beams": 4}
SEARCHED = {"paddle__decode_strategy": "beam_search", "paddle__num_beams": 4}
TWO = {"gen_ai__request__choice__count": 2}

STRATEGIES = {
    "greedy": Strategy({}, {}),
    "greedy by name": Strategy({"decode_strategy": "greedy_search"}, {}),
    "sampling": Strategy(SAMPLING, SAMPLED),
    "sampling twice": Strategy({**SAMPLING, "num_return_sequences": 2}, {**SAMPLED, **TWO}),
    "beam": Strategy(BEAMS, SEARCHED),
    "beam, two of them": Strategy({**BEAMS, "num_return_sequences": 2}, {**SEARCHED, **TWO}),
    "group beam": Strategy({**BEAMS, "num_beam_groups": 2}, SEARCHED),
}


@pytest.mark.parametrize("name", STRATEGIES)
def test_a_padded_batch_is_counted(
    name: str, observed: Recorder, llama: Any, prompts: Prompts, continuation: list[list[int]], paddle: Any
) -> None:
    """A padded batch of two: prompt tokens without padding, output through the first end token of each sequence."""
    end = an_end(continuation)
    options, attributes = STRATEGIES[name]
    paddle.seed(3)
    ids, _ = llama.generate(**prompts.both, max_new_tokens=8, eos_token_id=end, **options)
    rows = rows_of(ids)
    assert len(rows) == 2 * options.get("num_return_sequences", 1)
    expected = expected_attributes(rows, {end}, 8, prompts.tokens, paddle__batch_size=2, **attributes)
    assert facts(generation(observed)) == typed(expected)


def test_a_row_that_ended_early_is_counted_without_its_padding(
    observed: Recorder, llama: Any, prompts: Prompts, continuation: list[list[int]]
) -> None:
    """One row ends, the other goes on: the first is filled with padding, which is no output."""
    end = an_end(continuation)
    ids, _ = llama.generate(**prompts.both, max_new_tokens=8, eos_token_id=end)
    span = generation(observed)
    counts = [row.index(end) + 1 if end in row else 8 for row in rows_of(ids)]
    assert min(counts) < len(rows_of(ids)[0])
    assert typed(span.attributes)["paddle.sequences.output_tokens"] == ("tuple of ['int']", tuple(counts))
    assert typed(span.attributes)["gen_ai.usage.output_tokens"] == ("int", sum(counts))


def test_a_generation_is_an_internal_span_without_events(observed: Recorder, llama: Any, prompts: Prompts) -> None:
    """The model runs in this process; a generation that returned leaves the status alone."""
    llama.generate(**prompts.first, max_new_tokens=2)
    span = generation(observed)
    assert span.name == "text_completion"
    assert span.kind is SpanKind.INTERNAL
    assert span.status.status_code is StatusCode.UNSET
    assert span.events == ()
    assert span.links == ()


@pytest.mark.parametrize("name", ["greedy", "sampling twice"])
def test_the_prompt_in_the_result_is_not_output(
    name: str, observed: Recorder, llama: Any, prompts: Prompts, continuation: list[list[int]], paddle: Any
) -> None:
    """With ``trunc_input=False`` the library returns the prompt in front of the new tokens."""
    end = an_end(continuation)
    options, attributes = STRATEGIES[name]
    paddle.seed(3)
    ids, _ = llama.generate(**prompts.both, max_new_tokens=8, eos_token_id=end, trunc_input=False, **options)
    rows = rows_of(ids)
    assert [tuple(row[: prompts.columns]) for row in rows[:: len(rows) // 2]] == list(prompts.ids)
    new = [row[prompts.columns :] for row in rows]
    expected = expected_attributes(new, {end}, 8, prompts.tokens, paddle__batch_size=2, **attributes)
    assert facts(generation(observed)) == typed(expected)


@pytest.mark.parametrize("name", STRATEGIES)
def test_the_result_is_the_same_with_and_without(
    name: str, llama: Any, prompts: Prompts, paddle: Any, continuation: list[list[int]], request: pytest.FixtureRequest
) -> None:
    """Ids and scores are bit for bit those of the library alone, for the same seed."""
    options = {"max_new_tokens": 8, "eos_token_id": an_end(continuation), **STRATEGIES[name].options}

    def generate() -> tuple[list[bytes], list[str]]:
        paddle.seed(11)
        result = llama.generate(**prompts.both, **options)
        assert isinstance(result, tuple)
        parts = cast("tuple[Any, ...]", result)
        return [part.numpy().tobytes() for part in parts], [str(part.dtype) for part in parts]

    alone = generate()
    recorder: Recorder = request.getfixturevalue("observed")
    assert generate() == alone
    assert generation(recorder)
