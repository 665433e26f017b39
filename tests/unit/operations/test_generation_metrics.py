"""The metrics of generations: exact names, units, kinds, labels, values and moments."""

from typing import Any

import pytest
from opentelemetry.sdk.metrics.export import Histogram, Sum

from observed import INPUT, LABELS, OUTPUT, PUBLISHED, RESPONSE, UNCHANGED, Generations, telemetry_on
from paddle_otel.conventions import metrics as m
from paddle_otel.operations.generation_facts import GenerationResponse
from recording import Point, Recorder


@pytest.fixture
def generations(recorder: Recorder) -> Generations:
    """Generations on the recorder."""
    return Generations(telemetry_on(recorder))


def tokens(recorder: Recorder, direction: str, **labels: str) -> float:
    """Return the counter of tokens now."""
    return recorder.point("paddle.tokens", gen_ai__token__type=direction, **labels).value


def test_what_a_success_records(recorder: Recorder, generations: Generations) -> None:
    """One value per histogram, with the labels of the contract and no others."""
    generations.run(3, RESPONSE)
    collected = recorder.metrics()
    assert set(collected) == PUBLISHED | UNCHANGED
    for name in ("gen_ai.client.operation.duration", *sorted(UNCHANGED)[:3]):
        (point,) = recorder.points(name)
        assert (point.count, dict(point.attributes)) == (1, LABELS), name
        assert 0 < point.value < 5, name
    usage = {p.attributes["gen_ai.token.type"]: p for p in recorder.points("gen_ai.client.token.usage")}
    assert {kind: (p.value, p.count, dict(p.attributes)) for kind, p in usage.items()} == {
        "input": (7, 1, {**LABELS, "gen_ai.token.type": "input"}),
        "output": (3, 1, {**LABELS, "gen_ai.token.type": "output"}),
    }
    assert dict(recorder.point("paddle.tokens", **INPUT).attributes) == {
        "gen_ai.token.type": "input",
        "gen_ai.request.model": "Qwen2-0.5B",
    }


def test_instruments_are_as_written_down(recorder: Recorder, generations: Generations) -> None:
    """Unit, description, bucket bounds and kind of every metric are those of the conventions."""
    generations.run(3, RESPONSE, cache_bytes_per_token=1, prompt_columns=1)
    written = {metric.name: metric for metric in m.ALL}
    for name, metric in recorder.metrics().items():
        assert (metric.unit, metric.description) == (written[name].unit, written[name].description)
        if written[name].kind == "histogram":
            assert isinstance(metric.data, Histogram)
            assert {point.explicit_bounds for point in metric.data.data_points} == {written[name].buckets}
        else:
            assert isinstance(metric.data, Sum)
            assert metric.data.is_monotonic == written[name].kind.endswith("observable_counter")


def test_a_failure_is_in_the_durations_only(recorder: Recorder, generations: Generations) -> None:
    """``error.type`` is on the two durations; the first token's time counts, the time per token does not."""
    generation = generations.start()
    generation.step()
    generation.step()
    generation.fail(ValueError(), lambda: GenerationResponse(input_tokens=5))
    failed = {**LABELS, "error.type": "ValueError"}
    assert [dict(p.attributes) for p in recorder.points("gen_ai.client.operation.duration")] == [failed]
    assert [dict(p.attributes) for p in recorder.points("gen_ai.server.request.duration")] == [failed]
    assert [dict(p.attributes) for p in recorder.points("gen_ai.server.time_to_first_token")] == [LABELS]
    assert recorder.points("gen_ai.server.time_per_output_token") == []
    assert [(p.value, dict(p.attributes)) for p in recorder.points("gen_ai.client.token.usage")] == [
        (5, {**LABELS, "gen_ai.token.type": "input"})
    ]


def test_unknown_is_no_series(recorder: Recorder, generations: Generations) -> None:
    """Without steps, counts or a model there is a duration, a request count and nothing else; never a 0."""
    generations.run(0, GenerationResponse(), model=None)
    collected = recorder.metrics()
    assert set(collected) == {
        "gen_ai.client.operation.duration",
        "gen_ai.server.request.duration",
        "paddle.request.active",
    }
    (point,) = recorder.points("gen_ai.client.operation.duration")
    assert dict(point.attributes) == {"gen_ai.operation.name": "chat", "gen_ai.provider.name": "paddlepaddle"}


def test_no_output_is_a_zero_that_is_known(recorder: Recorder, generations: Generations) -> None:
    """A generation that is known to have written nothing is counted with 0 tokens."""
    generations.run(0, GenerationResponse(4, (0,), ("stop",)))
    assert recorder.point("gen_ai.client.token.usage", **OUTPUT).value == 0
    assert (recorder.span("chat Qwen2-0.5B").attributes or {})["gen_ai.usage.output_tokens"] == 0


def test_time_per_token_is_the_mean_after_the_first(recorder: Recorder, generations: Generations) -> None:
    """(duration - time to first token) / (steps - 1), in seconds."""
    generations.run(5, RESPONSE)
    duration = recorder.point("gen_ai.server.request.duration").value
    first = recorder.point("gen_ai.server.time_to_first_token").value
    per_token = recorder.point("gen_ai.server.time_per_output_token").value
    assert per_token == pytest.approx((duration - first) / 4, rel=1e-6)


def test_exemplars_lead_to_the_trace(recorder: Recorder, generations: Generations) -> None:
    """The durations and the token counts of a sampled generation carry its trace id, though its span is not current."""
    generations.run(3, RESPONSE)
    context = recorder.span("chat Qwen2-0.5B").context
    assert context is not None
    collected = recorder.metrics()  # once: a collection takes the exemplars with it
    for name in (
        "gen_ai.client.operation.duration",
        "gen_ai.client.token.usage",
        "gen_ai.server.request.duration",
        "gen_ai.server.time_to_first_token",
        "gen_ai.server.time_per_output_token",
    ):
        exemplars = [exemplar for point in collected[name].data.data_points for exemplar in point.exemplars]
        assert {exemplar.trace_id for exemplar in exemplars} == {context.trace_id}, name


def test_one_sequence_counts_while_it_runs(recorder: Recorder, generations: Generations) -> None:
    """The tokens of a single sequence are counted at each step, and not again at the end."""
    generation = generations.start(single_sequence=True)
    seen = list[float]()
    for _ in range(3):
        generation.step()
        seen.append(tokens(recorder, "output"))
    generation.finish(lambda: RESPONSE)
    assert [*seen, tokens(recorder, "output")] == [1, 2, 3, 3]
    assert tokens(recorder, "input") == 7


def test_a_batch_counts_at_its_end(recorder: Recorder, generations: Generations) -> None:
    """A step of several sequences tells no token count, as some have ended: they count at the end."""
    generation = generations.start(single_sequence=False)
    generation.step()
    generation.step()
    assert recorder.points("paddle.tokens") == []
    generation.finish(lambda: GenerationResponse(9, (1, 2), ("stop", "length")))
    assert tokens(recorder, "output") == 3


@pytest.mark.parametrize(("steps", "output", "counted"), [(2, (5,), 5), (5, (2,), 5), (3, None, 3)])
def test_the_counter_never_goes_back(
    recorder: Recorder, generations: Generations, steps: int, output: tuple[int, ...] | None, counted: int
) -> None:
    """What the end knows better is added; what was counted stays counted."""
    generations.run(steps, GenerationResponse(None, output), single_sequence=True)
    assert tokens(recorder, "output") == counted


def test_the_counter_is_the_sum_of_everything(recorder: Recorder, generations: Generations) -> None:
    """The counter equals the sums of the histogram, over single, batched and failed generations of two models."""
    for model in ("a", "b"):
        generations.run(3, RESPONSE, model=model, single_sequence=True)
        generations.run(4, GenerationResponse(10, (4, 1)), model=model)
        generations.start(model=model).fail(ValueError(), lambda: GenerationResponse(input_tokens=2))
        for direction in ("input", "output"):
            labels = {"gen_ai__token__type": direction, "gen_ai__request__model": model}
            assert (
                recorder.point("paddle.tokens", **labels).value
                == recorder.point("gen_ai.client.token.usage", **labels).value
                == {"input": 19, "output": 8}[direction]
            )


def test_active_requests(recorder: Recorder, generations: Generations) -> None:
    """In flight by operation and model; 0 afterwards rather than gone, after failures too."""

    def active() -> dict[tuple[str, str], float]:
        points: list[Point] = recorder.points("paddle.request.active")
        assert all(p.attributes["gen_ai.provider.name"] == "paddlepaddle" for p in points)
        assert all(len(p.attributes) == 3 for p in points)
        return {(p.attributes["gen_ai.operation.name"], p.attributes["gen_ai.request.model"]): p.value for p in points}

    assert active() == {}
    first = generations.start(model="a")
    second = generations.start(operation="text_completion", model="b")
    assert active() == {("chat", "a"): 1, ("text_completion", "b"): 1}
    second.fail(KeyboardInterrupt(), GenerationResponse)
    assert active() == {("chat", "a"): 1, ("text_completion", "b"): 0}
    first.finish(GenerationResponse)
    assert active() == {("chat", "a"): 0, ("text_completion", "b"): 0}


def test_cache_size(recorder: Recorder, generations: Generations) -> None:
    """Bytes of the caches in flight: nothing before the first step, growing by a position a step, 0 at the end."""
    cached: dict[str, Any] = {"cache_bytes_per_token": 100, "prompt_columns": 7}
    first = generations.start(model="a", **cached)
    unknown = generations.start(model="b")
    assert recorder.points("paddle.kv_cache.size") == []
    sizes = list[float]()
    for _ in range(3):
        first.step()
        unknown.step()
        sizes.append(recorder.point("paddle.kv_cache.size").value)
    second = generations.start(model="a", **cached)
    second.step()
    sizes.append(recorder.point("paddle.kv_cache.size", gen_ai__request__model="a").value)
    for generation in (second, unknown, first):
        generation.finish(lambda: RESPONSE)
    assert [*sizes, recorder.point("paddle.kv_cache.size").value] == [700, 800, 900, 1600, 0]
