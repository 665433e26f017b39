"""What breaks around a prediction costs only what is broken, and reaches nobody."""

import gc
import weakref
from typing import Any

import pytest
from opentelemetry.sdk.trace import SpanProcessor

from conftest import Trouble
from observed import Generations, Read, raising, telemetry_on
from paddle_otel.conventions import attributes as a
from paddle_otel.operations import prediction as prediction_module
from paddle_otel.operations.generation_facts import GenerationResponse
from paddle_otel.operations.predicted_model import PredictedModel, PredictionFacts
from paddle_otel.operations.prediction import Prediction, Predictions
from paddle_otel.operations.resource_use import ResourceUse
from paddle_otel.settings import Settings
from recording import Recorder

NET = PredictedModel("net", a.KIND_PREDICTOR, device="gpu:0")
ROWS = PredictionFacts(batch_size=2)
BROKEN = RuntimeError("the user's tensor")


class _Use:
    def __init__(self, end: Any) -> None:
        self.end = end


@pytest.fixture
def use(monkeypatch: pytest.MonkeyPatch) -> ResourceUse:
    """Who tells what predictions use."""
    made = ResourceUse()
    monkeypatch.setattr(prediction_module, "RESOURCE_USE", made)
    return made


@pytest.fixture
def predictions(recorder: Recorder, use: ResourceUse) -> Predictions:
    """Predictions on the recorder, each of them a span."""
    assert use
    return Predictions(telemetry_on(recorder, Settings(prediction_spans="always")))


def start(predictions: Predictions) -> Prediction:
    """Start a prediction."""
    prediction = predictions.start(NET)
    assert prediction is not None
    return prediction


def counted(recorder: Recorder) -> tuple[int, int, int]:
    """Return how many spans, durations and batch sizes there are."""
    names = ("paddle.prediction.duration", "paddle.prediction.batch_size")
    durations, rows = (sum(point.count for point in recorder.points(name)) for name in names)
    return len(recorder.spans("predict net")), durations, rows


def test_a_reader_without_facts(recorder: Recorder, predictions: Predictions, telemetry_trouble: Trouble) -> None:
    """Facts that cannot be read are absent; duration and span are there."""
    telemetry_trouble.expected = True
    reader = Read(ROWS)
    reader.facts = raising(BROKEN)
    start(predictions).end(None, reader=reader)
    assert counted(recorder) == (1, 1, 0)
    assert "paddle.batch_size" not in (recorder.span("predict net").attributes or {})
    assert (recorder.span("predict net").attributes or {})["paddle.input.names"] == ("x",)


def test_a_reader_without_attributes(
    recorder: Recorder, predictions: Predictions, telemetry_trouble: Trouble, caplog: pytest.LogCaptureFixture
) -> None:
    """Attributes that cannot be read are absent; the rest is there, and the log does not quote the user's data."""
    telemetry_trouble.expected = True
    reader = Read(ROWS)
    reader.span_attributes = raising(BROKEN)
    for _ in range(3):
        start(predictions).end(None, reader=reader)
    assert counted(recorder) == (3, 3, 3)
    assert (recorder.spans()[0].attributes or {})["paddle.batch_size"] == 2
    assert len([record for record in caplog.records if record.name == "paddle_otel"]) == 1
    assert "the user's tensor" not in caplog.text


def test_broken_instruments(recorder: Recorder, predictions: Predictions, telemetry_trouble: Trouble) -> None:
    """Instruments that raise cost metrics, not spans."""
    telemetry_trouble.expected = True
    setattr(predictions.metrics, "record", raising(BROKEN))  # noqa: B010 - not assignable for pyright
    start(predictions).end(None, reader=Read(ROWS))
    start(predictions).end(None, ValueError(), Read(ROWS))
    assert counted(recorder) == (2, 0, 0)


@pytest.mark.parametrize("hook", ["on_start", "on_end"])
def test_a_broken_processor(
    recorder: Recorder, predictions: Predictions, telemetry_trouble: Trouble, hook: str
) -> None:
    """A span processor that raises costs spans, not metrics."""
    telemetry_trouble.expected = True
    processor = SpanProcessor()
    setattr(processor, hook, raising(BROKEN))
    recorder.tracer_provider.add_span_processor(processor)
    start(predictions).end(None, reader=Read(ROWS))
    assert counted(recorder)[1:] == (1, 1)


def test_a_prediction_that_cannot_be_started(
    predictions: Predictions, telemetry_trouble: Trouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where a prediction cannot be started there is none, and the call goes on."""
    telemetry_trouble.expected = True
    monkeypatch.setattr(prediction_module, "Prediction", raising(BROKEN))
    assert predictions.start(NET) is None


def test_what_a_prediction_uses(recorder: Recorder, predictions: Predictions, use: ResourceUse) -> None:
    """What is told of the device is on the span."""
    devices: list[object] = []

    def begin(device: object) -> _Use:
        devices.append(device)
        return _Use(lambda: {"paddle.gpu.energy": 1.5})

    use.tell_by(begin)
    start(predictions).end(None, reader=Read(ROWS))
    assert (recorder.span("predict net").attributes or {})["paddle.gpu.energy"] == 1.5
    assert devices == ["gpu:0"]


@pytest.mark.parametrize("device", [None, "cpu"])
def test_without_a_gpu_nobody_is_asked(
    recorder: Recorder, predictions: Predictions, use: ResourceUse, device: str | None
) -> None:
    """What would be told of a GPU is not asked where the model runs on none."""
    use.tell_by(raising(AssertionError("asked")))
    prediction = predictions.start(PredictedModel("net", a.KIND_PREDICTOR, device=device))
    assert prediction is not None
    prediction.end(None, reader=Read(ROWS))
    assert counted(recorder) == (1, 1, 1)


def test_who_no_longer_knows_is_not_asked(recorder: Recorder, predictions: Predictions, use: ResourceUse) -> None:
    """Nor does a prediction wait for an answer."""
    use.tell_by(raising(AssertionError("asked")))
    use.tell_by(None)
    start(predictions).end(None, reader=Read(ROWS))
    assert counted(recorder) == (1, 1, 1)


def test_inside_a_generation_it_uses_nothing_of_its_own(
    recorder: Recorder, predictions: Predictions, use: ResourceUse
) -> None:
    """Energy is not counted twice: inside a generation it is the generation's."""
    use.tell_by(raising(AssertionError("asked")))
    generation = Generations(telemetry_on(recorder)).start()
    start(predictions).end(None, reader=Read(ROWS))
    generation.finish(GenerationResponse)
    assert counted(recorder) == (1, 1, 1)


@pytest.mark.parametrize("part", ["begin", "end"])
def test_a_use_that_cannot_be_told(
    recorder: Recorder, predictions: Predictions, use: ResourceUse, telemetry_trouble: Trouble, part: str
) -> None:
    """Hardware that cannot be read costs only what it would have told."""
    telemetry_trouble.expected = True
    use.tell_by(raising(BROKEN) if part == "begin" else lambda _: _Use(raising(BROKEN)))
    start(predictions).end(None, reader=Read(ROWS))
    assert counted(recorder) == (1, 1, 1)


@pytest.mark.parametrize("error", [None, ValueError("mine")])
def test_nothing_is_kept_alive(predictions: Predictions, error: ValueError | None) -> None:
    """When the call is over, nothing of it is held: not the reader with its tensors, not the exception."""
    reader, prediction = Read(ROWS), start(predictions)
    if error is None:
        prediction.end(None, reader=reader)
    else:
        prediction.end(None, error, reader)
    gone = [weakref.ref(reader)]
    gc.disable()
    try:
        del reader
        assert [reference() for reference in gone] == [None]
    finally:
        gc.enable()


def test_telemetry_that_is_interrupted(recorder: Recorder, predictions: Predictions) -> None:
    """Ctrl-C while telemetry works is the program's: it is not swallowed."""
    reader = Read(ROWS)
    reader.facts = raising(KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        start(predictions).end(None, reader=reader)
    assert counted(recorder) == (0, 0, 0)


def test_a_device_that_is_found_out_for_a_span(recorder: Recorder, predictions: Predictions) -> None:
    """And for nothing else: looking for it may take as long as the prediction."""
    asked: list[str] = []

    def in_place() -> PredictedModel:
        asked.append("device")
        return PredictedModel("net", a.KIND_JIT_LAYER, device="gpu:1")

    never = Predictions(telemetry_on(recorder, Settings(prediction_spans="never")))
    anywhere = PredictedModel("net", a.KIND_JIT_LAYER)
    Prediction(never, anywhere, in_place).end(None, reader=Read(ROWS))
    assert asked == []
    Prediction(predictions, anywhere, in_place).end(None, reader=Read(ROWS))
    assert asked == ["device"]
    assert (recorder.span("predict net").attributes or {})["paddle.device"] == "gpu:1"
    assert counted(recorder) == (1, 2, 2)


def test_a_device_that_cannot_be_found_out(
    recorder: Recorder, predictions: Predictions, use: ResourceUse, telemetry_trouble: Trouble
) -> None:
    """It is absent, and nobody is asked what it is used for."""
    telemetry_trouble.expected = True
    use.tell_by(raising(BROKEN))
    Prediction(predictions, PredictedModel("net", a.KIND_JIT_LAYER), raising(BROKEN)).end(None, reader=Read(ROWS))
    assert counted(recorder) == (1, 1, 1)
    assert "paddle.device" not in (recorder.span("predict net").attributes or {})
    assert {line.partition(":")[0] for line in telemetry_trouble.sites} == {"looking for the device of a prediction"}


def test_a_device_that_somebody_knows_the_use_of(
    recorder: Recorder, predictions: Predictions, use: ResourceUse
) -> None:
    """The span names the device whose use was begun, also where another one is the current one by then."""
    devices = ["gpu:1", "gpu:0"]
    begun: list[object] = []

    def begin(device: object) -> Any:
        begun.append(device)
        return _Use(lambda: {"paddle.gpu.energy": 1.5})

    use.tell_by(begin)
    here = Prediction(
        predictions,
        PredictedModel("net", a.KIND_JIT_LAYER),
        lambda: PredictedModel("net", a.KIND_JIT_LAYER, device=devices.pop()),
    )
    here.end(None, reader=Read(ROWS))
    assert begun == ["gpu:0"]
    assert (recorder.span("predict net").attributes or {})["paddle.device"] == "gpu:0"
