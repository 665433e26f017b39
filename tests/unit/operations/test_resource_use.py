"""What the span of a generation says it used of its GPU, and that nothing is said where there is none."""

import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF

from conftest import Trouble
from fake_nvml.samples import Usage, gpu
from fake_nvml.sources import eventually
from observed import Generations, telemetry_on
from paddle_otel.hardware.nvml import KIND
from paddle_otel.hardware.nvml.reading import GpuReading
from paddle_otel.hardware.nvml.usage import GpuUsage
from paddle_otel.operations import generation
from paddle_otel.operations.generation_facts import GenerationRequest, GenerationResponse
from paddle_otel.operations.resource_use import RESOURCE_USE, ResourceUse
from paddle_otel.sampling.sampler import Sampler
from recording import Recorder

ON_GPU = {"paddle.device": "gpu:0"}


@pytest.fixture
def usage(monkeypatch: pytest.MonkeyPatch) -> Usage:
    """Accounts with a clock and samples of the test."""
    usage = Usage()
    monkeypatch.setattr(generation, "RESOURCE_USE", usage)
    return usage


@pytest.fixture
def generations(recorder: Recorder, usage: Usage) -> Generations:
    """Generations on the recorder that keep their accounts there."""
    assert usage
    return Generations(telemetry_on(recorder))


def used(recorder: Recorder) -> list[dict[str, Any]]:
    """Return what each finished generation says of GPUs, in the order they ended."""
    return [
        {key: value for key, value in (span.attributes or {}).items() if key.startswith("paddle.gpu.")}
        for span in recorder.spans("chat Qwen2-0.5B")
    ]


def test_on_a_gpu(recorder: Recorder, usage: Usage, generations: Generations) -> None:
    """Exact names, values and types."""
    usage.sample(1.0, gpu(0.0))
    generation_ = generations.start(attributes=ON_GPU)
    usage.sample(2.0, gpu(100.0, utilization=0.5, memory_used=1 << 30))
    usage.sample(3.0, gpu(300.0, utilization=1.0, memory_used=1 << 20))
    usage.at(3.5)
    generation_.finish(GenerationResponse)
    (found,) = used(recorder)
    assert found == {
        "paddle.gpu.ids": ("GPU-0",),
        "paddle.gpu.utilization.mean": 0.75,
        "paddle.gpu.memory.peak": 1 << 30,
        "paddle.gpu.energy": 300.0,
        "paddle.gpu.energy.method": "exclusive",
        "paddle.gpu.sampled_duration": 2.0,
        "paddle.gpu.time": 1.5,
    }
    assert [type(value) for value in found.values()] == [tuple, float, int, float, str, float, float]
    assert type(recorder.span("chat Qwen2-0.5B").name) is str


@pytest.mark.parametrize("attributes", [{}, {"paddle.device": "cpu"}, {"paddle.device": 0}, {"paddle.device": "gpu"}])
def test_not_on_a_gpu(recorder: Recorder, usage: Usage, generations: Generations, attributes: dict[str, Any]) -> None:
    """Nothing is said."""
    usage.sample(1.0, gpu(0.0))
    generation_ = generations.start(attributes=attributes)
    usage.sample(2.0, gpu(100.0, utilization=0.5))
    generation_.finish(GenerationResponse)
    assert used(recorder) == [{}]


def test_no_sampler(recorder: Recorder, generations: Generations) -> None:
    """Without hardware metrics nothing is said of a GPU either."""
    generations.start(attributes=ON_GPU).finish(GenerationResponse)
    assert used(recorder) == [{}]


def test_failure(recorder: Recorder, usage: Usage, generations: Generations) -> None:
    """It used what it used."""
    usage.sample(1.0, gpu(0.0))
    generation_ = generations.start(attributes=ON_GPU)
    usage.sample(2.0, gpu(100.0))
    generation_.fail(ValueError(), GenerationResponse)
    assert used(recorder)[0]["paddle.gpu.energy"] == 100.0
    other = generations.start(attributes=ON_GPU)
    usage.sample(3.0, gpu(200.0))
    other.finish(GenerationResponse)
    assert used(recorder)[1]["paddle.gpu.energy.method"] == "exclusive", "the failed one did not end"


def test_device_that_only_the_inner_call_knows(recorder: Recorder, usage: Usage, generations: Generations) -> None:
    """A vision-language model's use is counted from its language model's start; a second inner call changes nothing."""
    usage.sample(1.0, gpu(0.0))
    generation_ = generations.start()
    usage.at(1.5)
    for device in ("gpu:0", "gpu:1"):
        generation_.adopt(GenerationRequest("chat", None, attributes={"paddle.device": device}))
    usage.sample(2.0, gpu(100.0))
    generation_.finish(GenerationResponse)
    (found,) = used(recorder)
    assert (found["paddle.gpu.energy"], found["paddle.gpu.sampled_duration"]) == (50.0, 0.5)
    assert found["paddle.gpu.ids"] == ("GPU-0",)


def test_generations_that_are_not_recorded_have_their_part(recorder: Recorder, usage: Usage) -> None:
    """Sampling traces does not give the energy of the others to those that are kept."""
    kept, dropped = Generations(telemetry_on(recorder)), Generations(telemetry_on(Recorder(sampler=ALWAYS_OFF)))
    usage.sample(1.0, gpu(0.0))
    both = [generations.start(attributes=ON_GPU) for generations in (kept, dropped)]
    usage.sample(2.0, gpu(100.0))
    for generation_ in reversed(both):
        generation_.finish(GenerationResponse)
    (found,) = used(recorder)
    assert (found["paddle.gpu.energy"], found["paddle.gpu.energy.method"]) == (50.0, "shared_split")


@pytest.mark.parametrize("when", ["begin", "end"])
def test_trouble_costs_these_attributes_only(
    recorder: Recorder,
    generations: Generations,
    monkeypatch: pytest.MonkeyPatch,
    telemetry_trouble: Trouble,
    when: str,
) -> None:
    """The span and its metrics are there all the same."""
    telemetry_trouble.expected = True

    class Broken:
        def begin(self, _: object) -> "Broken":
            if when == "begin":
                raise RuntimeError
            return self

        def end(self) -> dict[str, Any]:
            raise RuntimeError

    monkeypatch.setattr(generation, "RESOURCE_USE", Broken())
    generations.start(attributes=ON_GPU).finish(lambda: GenerationResponse(input_tokens=3))
    assert used(recorder) == [{}]
    assert (recorder.span("chat Qwen2-0.5B").attributes or {})["gen_ai.usage.input_tokens"] == 3
    assert recorder.point("gen_ai.client.operation.duration").count == 1
    assert len(telemetry_trouble.sites) == 1


class ScriptedGpus:
    """A source of eight GPUs, each with a counter that grows by 1 J at every reading."""

    def __init__(self) -> None:
        self.reads = 0

    @property
    def name(self) -> str:
        """That of the real one."""
        return KIND.name

    def read(self) -> tuple[GpuReading, ...]:
        """Return eight readings."""
        self.reads += 1
        return tuple(
            gpu(float(self.reads), ordinal=number, uuid=f"GPU-{number}", utilization=number / 8) for number in range(8)
        )

    def close(self) -> None:
        """Nothing was opened."""


@pytest.fixture
def sampler(monkeypatch: pytest.MonkeyPatch) -> Iterator[Sampler]:
    """A sampler with scripted GPUs on a real thread with the real clock, settling the accounts of generations."""
    sampler = Sampler(lambda: [ScriptedGpus()])
    usage = GpuUsage(60.0)
    sampler.subscribe(usage.note)
    monkeypatch.setattr(generation, "RESOURCE_USE", usage)
    sampler.start("test", 0.01)
    yield sampler
    sampler.stop("test")


def test_generations_on_eight_gpus_at_once(recorder: Recorder, sampler: Sampler) -> None:
    """Each thread's generation has its own GPU for itself, as its thread and the sampler's see it."""
    generations = Generations(telemetry_on(recorder))
    assert eventually(lambda: sampler.latest() is not None)

    def serve(number: int) -> None:
        generation_ = generations.start(model=str(number), attributes={"paddle.device": f"gpu:{number}"})
        began = time.monotonic_ns()
        assert eventually(lambda: len(sampler.between(began, time.monotonic_ns())) >= 5)
        generation_.finish(GenerationResponse)

    threads = [threading.Thread(target=serve, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for number in range(8):
        span = recorder.span(f"chat {number}")
        attributes = dict(span.attributes or {})
        assert span.end_time is not None
        assert span.start_time is not None
        assert attributes["paddle.gpu.ids"] == (f"GPU-{number}",)
        assert attributes["paddle.gpu.utilization.mean"] == number / 8
        assert attributes["paddle.gpu.energy.method"] == "exclusive"
        sampled = attributes["paddle.gpu.sampled_duration"]
        assert isinstance(sampled, float)
        assert 0 < sampled <= (span.end_time - span.start_time) / 1e9 + 0.001
        energy = attributes["paddle.gpu.energy"]
        assert isinstance(energy, float)
        assert energy >= 4.0


def test_nobody_knows() -> None:
    """Without hardware metrics nothing is begun."""
    assert RESOURCE_USE.begin("gpu:0") is None


def test_somebody_knows_for_a_while() -> None:
    """Whoever tells is asked until he is withdrawn; what was begun before can still end."""
    usage = Usage()
    asked = ResourceUse()
    asked.tell_by(usage.begin)
    usage.sample(1.0, gpu(0.0))
    use = asked.begin("gpu:0")
    assert use is not None
    assert asked.begin("cpu") is None
    asked.tell_by(None)
    assert asked.begin("gpu:0") is None
    usage.sample(2.0, gpu(100.0))
    assert use.end()["paddle.gpu.energy"] == 100.0
