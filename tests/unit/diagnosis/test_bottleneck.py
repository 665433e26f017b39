"""Tokens and GPU time that do not fit together: what is many and few follows from what was seen before."""

import random
import time
from functools import partial
from typing import Any, cast

import pytest

from fake_nvml.samples import ALONE, NOT_ALONE, UNKNOWN, gpu, snapshot
from observed import Generations, telemetry_on
from paddle_otel.diagnosis.bottleneck import MOST_EPISODES, Bottleneck
from paddle_otel.diagnosis.finding import Finding
from paddle_otel.diagnosis.generations_seen import GenerationsSeen
from paddle_otel.diagnosis.work import Work
from paddle_otel.operations.generation import Generation
from paddle_otel.operations.generation_facts import GenerationRequest, GenerationResponse
from recording import Recorder

DIAGNOSIS = "paddle.bottleneck.diagnosis"
ADVICE = "paddle.bottleneck.advice"


class Scene:
    """The rule with samples a second apart, and tokens as a test says."""

    def __init__(self) -> None:
        self.work = Work()
        self.tokens: dict[str | None, int] = {}
        self.work.tell_by(output_tokens=lambda: self.tokens)
        self.working = True
        self.rule = Bottleneck(self.work, lambda ordinal: ordinal == 0 and self.working)
        self.now: float = 100.0

    def run(
        self,
        seconds: int,
        rate: int,
        utilization: float | None,
        *more: Any,
        model: str | None = "tiny",
        **values: Any,
    ) -> list[Finding]:
        """Let time pass; return what is found."""
        found: list[Finding] = []
        for _ in range(seconds):
            self.now += 1.0
            self.tokens[model] = self.tokens.get(model, 0) + rate
            given: dict[str, Any] = {"process": ALONE, **values}
            one = gpu(utilization=utilization, **given)
            found += self.rule.look(snapshot(self.now, one, *more))
        return found


@pytest.fixture
def scene() -> Scene:
    """Nothing seen yet."""
    return Scene()


def test_busy_gpu_few_tokens(scene: Scene) -> None:
    """A quarter of the tokens of before at the same work of the GPU: exact names, values and types."""
    assert scene.run(300, 100, 0.9) == []
    (found,) = scene.run(60, 25, 1.0)
    assert found.name == "paddle.bottleneck"
    assert found.claim is None
    attributes = dict(found.attributes)
    assert str(attributes.pop(ADVICE)).startswith("The GPU works, and yields few tokens.")
    assert attributes == {
        "hw.id": "GPU-0",
        "paddle.device": "gpu:0",
        "gen_ai.request.model": "tiny",
        DIAGNOSIS: "busy_gpu_few_tokens",
        "paddle.bottleneck.duration": 30.0,
        "paddle.bottleneck.gpu_utilization": 1.0,
        "paddle.bottleneck.tokens_per_second": 25.0,
        "paddle.bottleneck.high_tokens_per_second": 100.0,
        "paddle.bottleneck.tokens_per_gpu_second": 25.0,
        "paddle.bottleneck.high_tokens_per_gpu_second": pytest.approx(100 / 0.9),
    }
    assert type(found.attributes["paddle.bottleneck.tokens_per_second"]) is float


def test_many_tokens_idle_gpu(scene: Scene) -> None:
    """As many tokens as ever, and the GPU waits."""
    assert scene.run(300, 100, 0.9) == []
    (found,) = scene.run(60, 90, 0.2)
    assert found.attributes[DIAGNOSIS] == "many_tokens_idle_gpu"
    assert found.attributes["paddle.bottleneck.gpu_utilization"] == pytest.approx(0.2)
    assert str(found.attributes[ADVICE]).startswith("The GPU waits for the program.")


def test_a_gpu_that_waits_from_the_start(scene: Scene) -> None:
    """Is told as soon as it is known what this model does here: after two minutes and three windows."""
    found = scene.run(600, 100, 0.2)
    assert [one.attributes[DIAGNOSIS] for one in found] == ["many_tokens_idle_gpu"]
    assert scene.now == 700.0


def test_steady_work_is_none(scene: Scene) -> None:
    """At any share in between, and busy with the tokens it always had."""
    for utilization in (0.35, 0.6, 0.95):
        assert scene.run(400, 100, utilization, model=str(utilization)) == []


def test_nobody_asks_anything(scene: Scene) -> None:
    """A GPU without requests is idle for a good reason."""
    scene.run(300, 100, 0.9)
    scene.working = False
    assert scene.run(300, 60, 0.1) == []


def test_few_tokens_at_an_idle_gpu(scene: Scene) -> None:
    """Is neither pattern: little work."""
    scene.run(300, 100, 0.9)
    assert scene.run(300, 10, 0.1) == []
    assert scene.run(300, 10, 0.5) == []


def test_somewhat_fewer_tokens(scene: Scene) -> None:
    """Are not few."""
    scene.run(300, 100, 0.9)
    assert scene.run(300, 60, 0.9) == []


def test_a_gpu_that_hardly_works_sets_no_scale(scene: Scene) -> None:
    """The driver rounds its share of time, so that tokens per second of it may be any number."""
    found = scene.run(300, 100, 0.05) + scene.run(300, 100, 0.9)
    assert [one.attributes[DIAGNOSIS] for one in found] == ["many_tokens_idle_gpu"]


def test_another_process_for_a_moment(scene: Scene) -> None:
    """The window in which it was seen tells nothing."""
    scene.run(300, 100, 0.9)
    found: list[Finding] = []
    for _ in range(60):
        found += scene.run(4, 10, 0.9)
        found += scene.run(1, 10, 0.9, process=NOT_ALONE)
    assert found == []


def test_once_for_each_episode(scene: Scene) -> None:
    """Values that waver about the limits neither end it nor begin another; three good windows do end it."""
    scene.run(1000, 100, 0.9)
    assert len(scene.run(60, 90, 0.2)) == 1
    for utilization in (0.35, 0.38, 0.33, 0.36, 0.2) * 5:
        assert scene.run(10, 90, utilization) == []
    scene.run(20, 100, 0.9)
    assert scene.run(60, 90, 0.2) == []
    scene.run(60, 100, 0.9)
    assert len(scene.run(60, 90, 0.2)) == 1


def test_a_short_time_is_no_episode(scene: Scene) -> None:
    """Two windows of three."""
    scene.run(1000, 100, 0.9)
    for _ in range(5):
        assert scene.run(20, 20, 0.95) == []
        scene.run(30, 100, 0.9)


def test_before_enough_is_known(scene: Scene) -> None:
    """What is many and few is not known at once."""
    assert scene.run(110, 100, 0.9) == []
    assert scene.run(40, 10, 0.9) == []
    assert len(scene.run(10, 10, 0.9)) == 1


def test_each_model_has_its_own_scale(scene: Scene) -> None:
    """A large model writes fewer tokens than a small one, and nothing is wrong."""
    scene.run(300, 100, 0.9, model="small")
    assert scene.run(600, 5, 0.95, model="large") == []
    assert len(scene.run(60, 20, 0.95, model="small")) == 1


def test_two_models_at_once(scene: Scene) -> None:
    """Whose GPU time it is cannot be told."""
    scene.run(300, 100, 0.9)
    found: list[Finding] = []
    for _ in range(100):
        scene.tokens["other"] = scene.tokens.get("other", 0) + 10
        found += scene.run(1, 10, 0.95)
    assert found == []


def test_model_without_a_name(scene: Scene) -> None:
    """Has no attribute for it."""
    scene.run(300, 100, 0.9, model=None)
    (found,) = scene.run(60, 10, 0.9, model=None)
    assert "gen_ai.request.model" not in found.attributes


@pytest.mark.parametrize(
    "values", [{"process": NOT_ALONE}, {"process": UNKNOWN}, {"process": None}, {"mig": True}, {"ordinal": 1}]
)
def test_not_told_where_it_cannot_be(scene: Scene, values: dict[str, Any]) -> None:
    """Another process is there, or may be, the GPU is split, or it is not the one that works."""
    scene.run(300, 100, 0.9)
    assert scene.run(300, 10, 0.9, **values) == []


def test_unknown_utilization(scene: Scene) -> None:
    """Nothing."""
    scene.run(300, 100, 0.9)
    assert scene.run(300, 10, None) == []


def test_two_gpus_of_this_process(scene: Scene) -> None:
    """Which of them wrote the tokens cannot be told; one on which nobody works does not disturb."""
    scene.run(300, 100, 0.9)
    second = gpu(utilization=0.5, ordinal=1, uuid="GPU-1")
    idle = gpu(utilization=0.0, ordinal=1, uuid="GPU-1", process=UNKNOWN)
    assert scene.run(300, 10, 0.9, second) == []
    assert len(scene.run(100, 10, 0.9, idle)) == 1


def test_no_tokens_at_all(scene: Scene) -> None:
    """May be a prediction as well as a generation: nothing is said."""
    scene.run(300, 100, 0.9)
    assert scene.run(300, 0, 1.0) == []


def test_throttled(scene: Scene) -> None:
    """The reason is the advice."""
    scene.run(300, 100, 0.9)
    (found,) = scene.run(60, 10, 1.0, throttle_active={"sw_power_cap": 1, "hw_thermal": 1, "sync_boost": 0})
    assert found.attributes["paddle.gpu.throttle.reason"] == "hw_thermal, sw_power_cap"
    assert str(found.attributes[ADVICE]).startswith("Clocks are held down (hw_thermal, sw_power_cap)")


def test_gap_between_samples(scene: Scene) -> None:
    """A window with one tells nothing, as nobody knows what the GPU did in it."""
    scene.run(300, 100, 0.9)
    found: list[Finding] = []
    for _ in range(10):
        found += scene.run(9, 10, 0.9)
        scene.now += 120.0
    assert found == []


@pytest.mark.parametrize("tell", [{}, {"output_tokens": lambda: None}])
def test_nobody_counts_tokens(scene: Scene, tell: dict[str, Any]) -> None:
    """Nothing, and no trouble."""
    scene.work.tell_by(**tell)
    assert scene.run(600, 100, 0.1) == []


def test_counts_that_begin_anew(scene: Scene) -> None:
    """As in another provider: no negative numbers of tokens."""
    scene.run(300, 100, 0.9)
    scene.tokens = {"tiny": 0}
    assert scene.run(10, 10, 0.9) == []


def test_forgotten(scene: Scene) -> None:
    """What was usual is learnt anew."""
    scene.run(300, 100, 0.9)
    scene.rule.forget()
    assert scene.run(100, 10, 0.9) == []


def test_what_is_remembered_is_bounded(scene: Scene) -> None:
    """Models and windows."""
    for number in range(40):
        scene.run(30, 10, 0.9, model=str(number))
    scene.run(6000, 10, 0.9)
    known = cast("dict[object, Any]", vars(vars(scene.rule)["_usual"])["_known"])
    assert len(known) <= 16
    assert max(len(one.rates) for one in known.values()) <= 360


def test_windows_hours_apart_are_not_in_a_row(scene: Scene) -> None:
    """A minute of few tokens each day is no episode, however many days it is seen."""
    scene.run(300, 100, 0.9)
    for _ in range(10):
        scene.now += 7200.0
        assert scene.run(22, 20, 1.0) == []


def test_a_pause_begins_the_row_anew(scene: Scene) -> None:
    """Two bad windows, a pause, one bad window: only two more make three in a row, and their time alone is told."""
    scene.run(300, 100, 0.9)
    assert scene.run(20, 20, 1.0) == []
    scene.now += 60.0
    assert scene.run(30, 20, 1.0) == []
    (found,) = scene.run(10, 20, 1.0)
    assert found.attributes["paddle.bottleneck.duration"] == 30.0


@pytest.mark.parametrize(("pause", "told"), [(60.0, 0), (700.0, 1)])
def test_an_episode_that_nobody_saw_end(scene: Scene, pause: float, told: int) -> None:
    """After a short pause it goes on; after a long one it is over, so that the next one is told."""
    scene.run(1000, 100, 0.9)
    assert len(scene.run(60, 20, 1.0)) == 1
    scene.working = False
    scene.run(5, 0, 0.0)
    scene.now += pause
    scene.working = True
    assert len(scene.run(60, 20, 1.0)) == told


def test_each_model_has_its_own_episode(scene: Scene) -> None:
    """That one yields little hides nothing of another one, and their windows are no row together."""
    scene.run(300, 100, 0.9, model="a")
    scene.run(300, 1000, 0.9, model="b")
    assert [one.attributes["gen_ai.request.model"] for one in scene.run(60, 25, 1.0, model="a")] == ["a"]
    assert [one.attributes["gen_ai.request.model"] for one in scene.run(60, 100, 1.0, model="b")] == ["b"]
    scene = Scene()
    scene.run(300, 100, 0.9, model="a")
    scene.run(300, 1000, 0.9, model="b")
    for model, rate in (("a", 20), ("b", 200), ("a", 20), ("b", 200)):
        assert scene.run(10, rate, 1.0, model=model) == []


def test_episodes_are_bounded(scene: Scene) -> None:
    """By the models whose scale is remembered."""
    for number in range(40):
        scene.run(150, 10, 0.9, model=str(number))
    assert len(vars(scene.rule)["_episodes"]) == MOST_EPISODES


class BatchScene(Scene):
    """Streams of batches, each of which writes evenly and is counted as its library counts it."""

    def __init__(self, recorder: Recorder, *, live: bool, streams: int = 1) -> None:
        super().__init__()
        self._generations = Generations(telemetry_on(recorder))
        seen = GenerationsSeen(recorder.meter_provider)
        self.work.tell_by(output_tokens=seen.output_tokens)
        self._live = live
        self._random = random.Random(7)  # noqa: S311 - the same lengths in each run
        self._batches: list[tuple[Generation, float, float]] = []
        self._streams = streams

    def clock(self) -> int:
        """Return the time in nanoseconds."""
        return int(self.now * 1e9)

    def serve(self, seconds: int, shortest: float, longest: float, rows: int = 16) -> list[Finding]:
        """Let time pass with batches of these lengths and so many rows, 25 tokens of each in a second."""
        found: list[Finding] = []
        for _ in range(seconds):
            self.now += 1.0
            while len(self._batches) < self._streams:
                length = self._random.uniform(shortest, longest)
                # Not entered: as if each had a thread of its own.
                request = GenerationRequest("chat", "m", sequences=rows)
                batch = Generation(self._generations.telemetry, self._generations.metrics, request)
                self._batches.append((batch, self.now, length))
            for batch, began, length in tuple(self._batches):
                batch.step(rows * 25 if self._live else None)
                if self.now >= began + length:
                    tokens = batch.live_output_tokens if self._live else rows * 25 * round(self.now - began + 1)
                    batch.finish(partial(GenerationResponse, output_tokens=tokens))
                    self._batches.remove((batch, began, length))
            found += self.rule.look(snapshot(self.now, gpu(utilization=0.95, process=ALONE)))
        return found

    def end(self) -> None:
        """End what is in flight."""
        for batch, _, _ in self._batches:
            batch.finish(GenerationResponse)


@pytest.mark.parametrize("streams", [1, 4])
@pytest.mark.parametrize("live", [True, False])
def test_a_steady_load_of_batches(
    recorder: Recorder, monkeypatch: pytest.MonkeyPatch, live: bool, streams: int
) -> None:
    """Batches that are counted at their end let no minute seem to yield little: what is in flight is not known."""
    scene = BatchScene(recorder, live=live, streams=streams)
    monkeypatch.setattr(time, "perf_counter_ns", scene.clock)
    assert scene.serve(7200, 10.0, 40.0) == []
    scene.end()


@pytest.mark.parametrize(("shortest", "longest"), [(1.0, 2.0), (5.0, 9.0), (10.0, 40.0)])
def test_batches_that_become_smaller(
    recorder: Recorder, monkeypatch: pytest.MonkeyPatch, shortest: float, longest: float
) -> None:
    """What is wrong with one batch after the other is seen: between two of them all tokens are known."""
    scene = BatchScene(recorder, live=False)
    monkeypatch.setattr(time, "perf_counter_ns", scene.clock)
    assert scene.serve(1200, shortest, longest) == []
    (found,) = scene.serve(300, shortest, longest, rows=4)
    assert found.attributes[DIAGNOSIS] == "busy_gpu_few_tokens"
    assert found.attributes["paddle.bottleneck.tokens_per_second"] == pytest.approx(100, rel=0.2)
    scene.end()


def test_a_batch_of_minutes_tells_nothing(recorder: Recorder, monkeypatch: pytest.MonkeyPatch) -> None:
    """A window does not wait for its tokens for ever; after it windows begin anew."""
    scene = BatchScene(recorder, live=False)
    monkeypatch.setattr(time, "perf_counter_ns", scene.clock)
    assert scene.serve(1200, 10.0, 20.0) == []
    assert scene.serve(2000, 70.0, 80.0, rows=1) == []
    (found,) = scene.serve(300, 10.0, 20.0, rows=4)
    assert found.attributes[DIAGNOSIS] == "busy_gpu_few_tokens"
    scene.end()
