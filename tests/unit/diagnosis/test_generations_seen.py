"""What observed generations tell: tokens while they are written, and caches of requests in flight."""

import time
from typing import Any, Final

import pytest

from observed import Generations, telemetry_on
from paddle_otel.diagnosis.generations_seen import GenerationsSeen
from paddle_otel.diagnosis.work import CacheUse
from paddle_otel.operations.generation_facts import GenerationResponse
from recording import Recorder

CACHE: Final[dict[str, Any]] = {"cache_bytes_per_token": 1000, "prompt_columns": 10}


@pytest.fixture
def generations(recorder: Recorder) -> Generations:
    """On the recorder."""
    return Generations(telemetry_on(recorder))


@pytest.fixture
def seen(recorder: Recorder) -> GenerationsSeen:
    """What is reported to the recorder's provider."""
    return GenerationsSeen(recorder.meter_provider)


def test_tokens_of_all_generations_by_model(seen: GenerationsSeen, generations: Generations) -> None:
    """Those that ended and those in flight; never fewer than before."""
    assert seen.output_tokens() == {}
    first = generations.start(model="a", single_sequence=True)
    first.step()
    first.step()
    assert seen.output_tokens() == {"a": 2}
    first.finish(lambda: GenerationResponse(input_tokens=100, sequences_output_tokens=(3,)))
    second = generations.start(model="a")
    second.finish(lambda: GenerationResponse(input_tokens=100, sequences_output_tokens=(5, 6)))
    third = generations.start(model=None, single_sequence=True)
    third.step()
    assert seen.output_tokens() == {"a": 14, None: 1}
    third.finish(GenerationResponse)


def test_caches_of_requests_in_flight(seen: GenerationsSeen, generations: Generations) -> None:
    """By device, summed; now and at their limits."""
    on_gpu = {"paddle.device": "gpu:0"}
    first = generations.start(attributes=on_gpu, max_new_tokens=5, **CACHE)
    second = generations.start(attributes=on_gpu, max_new_tokens=21, **CACHE)
    third = generations.start(attributes={"paddle.device": "cpu"}, max_new_tokens=1, **CACHE)
    assert seen.caches() == {"gpu:0": CacheUse(0, 14_000 + 30_000), "cpu": CacheUse(0, 10_000)}
    first.step()
    first.step()
    assert seen.caches()["gpu:0"] == CacheUse(11_000, 44_000)
    for generation in (third, second, first):
        generation.finish(GenerationResponse)
    assert seen.caches() == {}


def test_requests_whose_limit_is_not_known(seen: GenerationsSeen, generations: Generations) -> None:
    """Are left out, as are those of an unknown device."""
    one = generations.start(attributes={"paddle.device": "gpu:0"}, **CACHE)
    other = generations.start(max_new_tokens=5, **CACHE)
    assert seen.caches() == {}
    other.finish(GenerationResponse)
    one.finish(GenerationResponse)


def test_tokens_that_are_counted_only_at_the_end(
    seen: GenerationsSeen, generations: Generations, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While a batch writes longer than a moment nobody knows how many there are; then all are known."""
    now = 1000.0
    monkeypatch.setattr(time, "perf_counter_ns", lambda: int(now * 1e9))
    single = generations.start(model="a", single_sequence=True)
    single.step()
    batch = generations.start(model="a", sequences=4)
    now += 1.0
    assert seen.output_tokens() == {"a": 1}
    now += 0.1
    assert seen.output_tokens() is None
    batch.step()
    assert seen.output_tokens() is None
    batch.finish(lambda: GenerationResponse(output_tokens=40))
    assert seen.output_tokens() == {"a": 41}
    told = generations.start(model="a", sequences=4)
    now += 60.0
    assert seen.output_tokens() is None
    told.step(4)
    single.step()
    assert seen.output_tokens() == {"a": 46}
    told.step()
    assert seen.output_tokens() is None
    for generation in (told, single):
        generation.finish(GenerationResponse)
    assert seen.output_tokens() == {"a": 46}
