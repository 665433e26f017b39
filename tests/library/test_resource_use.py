"""The resource use of real generations: none on a CPU, and that of its GPU for a model that says it is on one."""

from collections.abc import Iterator
from typing import Any

import pytest

from fake_nvml.samples import Usage, gpu
from library.expected import Prompts, generation
from paddle_otel.operations.resource_use import RESOURCE_USE
from paddle_otel.pretrained import generate_request
from paddle_otel.pretrained.model_facts import ParameterFacts
from recording import Recorder


class OneSampleAStep:
    """A streamer during each of whose steps the GPU is sampled, a second and 100 J after the last time."""

    def __init__(self, usage: Usage) -> None:
        self._usage = usage
        self.samples = 0

    def put(self, _: Any) -> None:
        """Sample the GPU."""
        self.samples += 1
        self._usage.sample(1.0 + self.samples, gpu(100.0 * self.samples, utilization=0.75, memory_used=self.samples))

    def end(self) -> None:
        """Nothing is left to do."""


@pytest.fixture
def usage() -> Iterator[Usage]:
    """Accounts that are asked by operations, after a first sample."""
    usage = Usage()
    usage.sample(1.0, gpu(0.0))
    RESOURCE_USE.tell_by(usage.begin)
    yield usage
    RESOURCE_USE.tell_by(None)


def on_a_gpu(_: Any) -> ParameterFacts:
    """Say of any model what one on a GPU says of itself."""
    return ParameterFacts("gpu:0", "float32")


def used(recorder: Recorder) -> dict[str, Any]:
    """Return what the one generation says of GPUs."""
    attributes = generation(recorder).attributes or {}
    return {key: value for key, value in attributes.items() if key.startswith("paddle.gpu.")}


def test_on_a_cpu(observed: Recorder, usage: Usage, llama: Any, prompts: Prompts) -> None:
    """A GPU of the machine has nothing to do with it."""
    llama.generate(**prompts.both, max_new_tokens=4, eos_token_id=None, streamer=OneSampleAStep(usage))
    assert (generation(observed).attributes or {})["paddle.device"] == "cpu"
    assert used(observed) == {}


def test_on_a_gpu(
    observed: Recorder, usage: Usage, llama: Any, prompts: Prompts, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From the first sample to the last one before its end."""
    monkeypatch.setattr(generate_request, "parameter_facts", on_a_gpu)
    streamer = OneSampleAStep(usage)
    llama.generate(**prompts.both, max_new_tokens=4, eos_token_id=None, streamer=streamer)
    assert streamer.samples >= 4
    assert used(observed) == {
        "paddle.gpu.ids": ("GPU-0",),
        "paddle.gpu.utilization.mean": 0.75,
        "paddle.gpu.memory.peak": streamer.samples,
        "paddle.gpu.energy": 100.0 * streamer.samples,
        "paddle.gpu.energy.method": "exclusive",
        "paddle.gpu.sampled_duration": float(streamer.samples),
        "paddle.gpu.time": 0.75 * streamer.samples,
        "paddle.gpu.tokens_per_second": 8 / (0.75 * streamer.samples),
        "paddle.gpu.energy_per_token": 100.0 * streamer.samples / 8,
    }


def test_a_failing_generation(
    observed: Recorder, usage: Usage, llama: Any, prompts: Prompts, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has used what it used, and is over: the next one has the GPU for itself."""
    monkeypatch.setattr(generate_request, "parameter_facts", on_a_gpu)

    class Failing(OneSampleAStep):
        def put(self, _: Any) -> None:
            super().put(_)
            if self.samples == 3:
                raise ConnectionError

    with pytest.raises(ConnectionError):
        llama.generate(**prompts.both, max_new_tokens=8, eos_token_id=None, streamer=Failing(usage))
    assert used(observed)["paddle.gpu.energy"] == 300.0
    observed.clear_spans()
    usage.sample(10.0, gpu(1000.0))
    after = OneSampleAStep(usage)
    after.samples = 10
    llama.generate(**prompts.both, max_new_tokens=4, eos_token_id=None, streamer=after)
    assert used(observed)["paddle.gpu.energy.method"] == "exclusive"
