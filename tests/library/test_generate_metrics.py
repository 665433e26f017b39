"""The metrics of one generation: names, units, bounds, labels and values."""

from typing import Any

import pytest

import stacks
from library.expected import Prompts, attributes_of, generation, output_tokens, rows_of, seconds
from recording import Recorder

LABELS = {"gen_ai.operation.name": "text_completion", "gen_ai.provider.name": "paddlepaddle"}
SECONDS = (0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92)
FIRST_TOKEN = (0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0)
PER_TOKEN = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0, 2.5)
TOKENS = tuple(4**power for power in range(14))


def test_durations(observed: Recorder, llama: Any, prompts: Prompts) -> None:
    """Both durations are the span's; the others are its attributes."""
    llama.generate(**prompts.both, max_new_tokens=4, eos_token_id=None)
    span = generation(observed)
    found = attributes_of(span)
    assert span.context is not None
    expected = {
        "gen_ai.client.operation.duration": (seconds(span), SECONDS),
        "gen_ai.server.request.duration": (seconds(span), SECONDS),
        "gen_ai.server.time_to_first_token": (found["paddle.time_to_first_token"], FIRST_TOKEN),
        "gen_ai.server.time_per_output_token": (found["paddle.time_per_output_token"], PER_TOKEN),
    }
    collected = observed.metrics()
    for name, (value, bounds) in expected.items():
        metric = collected[name]
        point: Any = metric.data.data_points[0]
        assert metric.unit == "s", name
        assert len(metric.data.data_points) == 1, name
        assert dict(point.attributes) == LABELS, name
        assert (point.count, point.explicit_bounds) == (1, bounds), name
        assert point.sum == pytest.approx(value, abs=2e-9), name
        assert [exemplar.trace_id for exemplar in point.exemplars] == [span.context.trace_id], name


def test_token_counts(observed: Recorder, llama: Any, prompts: Prompts) -> None:
    """Prompt and output, as histograms per generation and as running totals."""
    ids, _ = llama.generate(**prompts.both, max_new_tokens=4)
    output = sum(output_tokens(row, {stacks.EOS}) for row in rows_of(ids))
    for kind, tokens in (("input", prompts.tokens), ("output", output)):
        point = observed.point("gen_ai.client.token.usage", gen_ai__token__type=kind)
        assert dict(point.attributes) == {**LABELS, "gen_ai.token.type": kind}
        assert (point.value, point.count, point.bounds) == (tokens, 1, TOKENS)
        total = observed.point("paddle.tokens", gen_ai__token__type=kind)
        assert dict(total.attributes) == {"gen_ai.token.type": kind}
        assert total.value == tokens
    assert {observed.metrics()[name].unit for name in ("gen_ai.client.token.usage", "paddle.tokens")} == {"{token}"}


@pytest.mark.parametrize("sequences", [1, 3])
def test_totals_count_every_token_once(sequences: int, observed: Recorder, llama: Any, prompts: Prompts) -> None:
    """Whether or not tokens were counted while they were written, the total is that of the returned ids."""
    options = {"decode_strategy": "sampling", "num_return_sequences": sequences, "max_new_tokens": 5}
    expected = 0
    for _ in range(2):
        ids, _ = llama.generate(**prompts.first, **options)
        expected += sum(output_tokens(row, {stacks.EOS}) for row in rows_of(ids))
    assert observed.point("paddle.tokens", gen_ai__token__type="output").value == expected
    assert observed.point("paddle.tokens", gen_ai__token__type="input").value == 10


def test_generations_in_flight(observed: Recorder, stack: stacks.Stack, llama: Any, prompts: Prompts) -> None:
    """One while it runs, none afterwards."""
    seen: list[float] = []

    def collect(*_: Any, **__: Any) -> bool:
        seen.append(observed.point("paddle.request.active").value)
        return False

    criteria = stack.module("generation").StoppingCriteriaList([collect])
    llama.generate(**prompts.first, max_new_tokens=2, eos_token_id=None, stopping_criteria=criteria)
    assert seen == [1, 1]
    (point,) = observed.points("paddle.request.active")
    assert point.value == 0
    assert dict(point.attributes) == LABELS
    assert observed.metrics()["paddle.request.active"].unit == "{request}"


def test_a_failed_generation(observed: Recorder, llama: Any, prompts: Prompts) -> None:
    """Its duration carries ``error.type``; it wrote nothing and has no time per token; its prompt was read."""
    with pytest.raises(ValueError, match="num_return_sequences"):
        llama.generate(**prompts.both, num_return_sequences=2)
    for name in ("gen_ai.client.operation.duration", "gen_ai.server.request.duration"):
        (point,) = observed.points(name)
        assert dict(point.attributes) == {**LABELS, "error.type": "ValueError"}
        assert point.count == 1
    (usage,) = observed.points("gen_ai.client.token.usage")
    assert (usage.attributes["gen_ai.token.type"], usage.value) == ("input", prompts.tokens)
    assert observed.points("gen_ai.server.time_per_output_token") == []
    assert observed.point("paddle.request.active").value == 0
