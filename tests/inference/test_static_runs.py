"""Runs of programs that ``paddle.static.load_inference_model`` gave."""

from collections.abc import Generator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from opentelemetry.trace import StatusCode

from inference.jit_programs import bits, inside, predictions, request, save_encoder, switched_on
from inference.programs import raised_by
from inference.static_programs import STATIC_SPAN, features, static_mode
from paddle_otel.operations.prediction import inside_model_call
from recording import Recorder

IDS = [[1, 2, 3, 0, 0], [4, 5, 6, 7, 8]]
MASK = [[1, 1, 1, 0, 0], [1, 1, 1, 1, 1]]
OUTPUT_NAMES = "paddle.prediction.output.names"


@pytest.fixture
def executor(paddle: Any, classifier: Path) -> Generator[Any, None, None]:
    """An executor, in static mode."""
    assert classifier  # exported in dynamic mode
    with static_mode(paddle) as made:
        yield made


def _load(paddle: Any, path: Path, executor: Any) -> tuple[Any, Any, Any]:
    program, names, fetches = paddle.static.load_inference_model(str(path), executor)
    return program, names, fetches


def _attributes(recorder: Recorder, name: str = "scores") -> dict[str, Any]:
    return dict(recorder.span(f"predict {name}").attributes or {})


def test_a_run_is_a_span_below_a_recorded_one(observed: Recorder, paddle: Any, classifier: Path, executor: Any) -> None:
    """The span tells model, rows and the sizes of inputs and outputs; loading is no prediction."""
    program, _, fetches = _load(paddle, classifier, executor)
    with request(observed):
        executor.run(program, feed={"features": features()}, fetch_list=fetches)
    attributes = _attributes(observed)
    attributes.pop(OUTPUT_NAMES, None)
    assert attributes == STATIC_SPAN
    assert type(attributes["paddle.batch_size"]) is int
    assert [span.name for span in observed.spans()] == ["load_model scores", "predict scores", "request"]
    assert observed.span("predict scores") in observed.children(observed.span("request"))
    assert observed.span("predict scores").status.status_code is StatusCode.UNSET
    point = observed.point("paddle.prediction.duration")
    labels = {"paddle.model.name": "scores", "paddle.model.kind": "static_program"}
    assert (dict(point.attributes), point.count) == (labels, 1)
    batch = observed.point("paddle.prediction.batch_size")
    assert (dict(batch.attributes), batch.value) == (labels, 3)


def test_a_load_is_a_span_a_duration_and_a_state(
    observed: Recorder, paddle: Any, classifier: Path, executor: Any
) -> None:
    """It tells the model's name and the executor's device."""
    program, _, _ = _load(paddle, classifier, executor)
    labels = {"paddle.model.name": "scores", "paddle.model.kind": "static_program"}
    assert dict(observed.span("load_model scores").attributes or {}) == {**labels, "paddle.device": "cpu"}
    assert observed.point("paddle.model.load.duration").attributes == labels
    assert observed.point("paddle.model.state", paddle__model__state="ready").value == 1
    assert program is not None


def test_a_failed_load_raises_what_it_raises(recorder: Recorder, paddle: Any, tmp_path: Path, executor: Any) -> None:
    """The exception is the plain one; span and metrics tell of it."""
    missing = str(tmp_path / "no_folder" / "nothing")
    plain = raised_by(paddle.static.load_inference_model, missing, executor)
    with switched_on(recorder):
        seen = raised_by(paddle.static.load_inference_model, missing, executor)
    assert (type(seen), str(seen)) == (type(plain), str(plain))
    assert (recorder.span("load_model nothing").attributes or {})["error.type"] == type(plain).__qualname__


@pytest.mark.parametrize("numpy_result", [True, False])
def test_the_result_is_the_same_bit_by_bit(
    recorder: Recorder, paddle: Any, classifier: Path, executor: Any, *, numpy_result: bool
) -> None:
    """Arrays or plain tensors, as the caller asked for them."""
    program, _, fetches = _load(paddle, classifier, executor)

    def run() -> Any:
        return executor.run(program, {"features": features()}, fetches, return_numpy=numpy_result)

    plain = run()
    with switched_on(recorder), request(recorder):
        seen = run()
    assert type(seen) is type(plain)
    assert [type(value) for value in seen] == [type(value) for value in plain]
    assert bits([np.array(value) for value in seen]) == bits([np.array(value) for value in plain])
    attributes = _attributes(recorder, "unknown")  # it was loaded before
    assert attributes["paddle.prediction.output.leading_dimensions"] == (3,)
    assert attributes["paddle.prediction.input.names"] == ("features",)


def test_outputs_are_named_as_they_are_asked_for(
    observed: Recorder, paddle: Any, classifier: Path, executor: Any
) -> None:
    """By their names; a format that does not keep names has none to ask for."""
    program, _, fetches = _load(paddle, classifier, executor)
    asked = [one.name for one in fetches if isinstance(one, paddle.static.Variable)]
    with request(observed):
        executor.run(program, feed={"features": features()}, fetch_list=asked or fetches)
    assert _attributes(observed).get(OUTPUT_NAMES, ()) == tuple(asked)


def test_a_list_of_one_feed_is_read(observed: Recorder, paddle: Any, classifier: Path, executor: Any) -> None:
    """Executors take it, and so do we."""
    program, _, fetches = _load(paddle, classifier, executor)
    executor.run(program, feed=[{"features": features(2)}], fetch_list=fetches)
    assert observed.point("paddle.prediction.batch_size").value == 2


def test_plain_tensors_and_lists_of_numbers(observed: Recorder, paddle: Any, classifier: Path, executor: Any) -> None:
    """A plain tensor tells its rows; with rows of different lengths it does not."""
    program, _, fetches = _load(paddle, classifier, executor)
    tensor = executor.run(program, feed={"features": features()}, fetch_list=fetches, return_numpy=False)[0]
    plain: Any = type(tensor)()
    plain.set(features(5), paddle.CPUPlace())
    executor.run(program, feed={"features": plain}, fetch_list=fetches)
    assert observed.point("paddle.prediction.batch_size").value == 3 + 5
    if hasattr(plain, "set_recursive_sequence_lengths"):
        plain.set_recursive_sequence_lengths([[2, 3]])
        executor.run(program, feed={"features": plain}, fetch_list=fetches, return_numpy=False)
        assert observed.point("paddle.prediction.batch_size").value == 3 + 5
        assert predictions(observed) == 3


def test_the_mask_tells_the_tokens(observed: Recorder, paddle: Any, tmp_path: Path) -> None:
    """What the mask leaves out is padding; masks of other types or shapes count nothing."""
    save_encoder(paddle, tmp_path / "encoder")
    save_encoder(paddle, tmp_path / "floats", "float32")
    with static_mode(paddle) as executor, request(observed):
        for name, kind in (("encoder", "int64"), ("floats", "float32")):
            program, names, fetches = _load(paddle, tmp_path / name, executor)
            assert names == ["input_ids", "attention_mask"]
            mask = np.array(MASK, kind)
            executor.run(program, feed={"attention_mask": mask, "input_ids": np.array(IDS)}, fetch_list=fetches)
    attributes = _attributes(observed, "encoder")
    assert attributes["gen_ai.usage.input_tokens"] == 8
    assert attributes["paddle.prediction.input.names"] == ("attention_mask", "input_ids")
    assert "gen_ai.usage.input_tokens" not in _attributes(observed, "floats")
    assert observed.point("paddle.tokens").value == 8


@pytest.mark.filterwarnings("ignore:The variable others is not found:UserWarning")
def test_an_error_is_the_users_own(recorder: Recorder, paddle: Any, classifier: Path, executor: Any) -> None:
    """A wrong shape and a missing input raise what they raise, and are predictions that failed."""
    program, _, fetches = _load(paddle, classifier, executor)

    def run(feed: dict[str, Any]) -> Any:
        return executor.run(program, feed=feed, fetch_list=fetches)

    feeds = ({"features": np.ones((3, 5), "float32")}, {"others": features()})
    plain = [raised_by(run, dict(feed)) for feed in feeds]
    with switched_on(recorder):
        program, _, fetches = _load(paddle, classifier, executor)
        for feed, expected in zip(feeds, plain, strict=True):
            with request(recorder):
                assert type(raised_by(run, dict(feed))) is type(expected)
            span = recorder.span("predict scores")
            assert span.status.status_code is StatusCode.ERROR
            assert (span.attributes or {})["error.type"] == type(expected).__qualname__
            assert (span.attributes or {})["paddle.batch_size"] == 3
            recorder.clear_spans()
    assert predictions(recorder) == 2


def test_what_is_no_program_is_refused_as_it_is(observed: Recorder, executor: Any) -> None:
    """Paddle's own exception comes out, and nothing is reported."""
    for wrong in ("text", 3, [1]):
        with pytest.raises(Exception):  # noqa: B017, PT011 - whatever Paddle raises
            executor.run(wrong, feed={"features": features()}, fetch_list=["scores"])
    assert predictions(observed) == 0


def test_a_run_inside_a_models_call_is_part_of_it(
    observed: Recorder, paddle: Any, classifier: Path, executor: Any
) -> None:
    """The rows of a request are counted where it came in."""
    program, _, fetches = _load(paddle, classifier, executor)
    with inside(inside_model_call()):
        executor.run(program, feed={"features": features()}, fetch_list=fetches)
    assert predictions(observed) == 0


def test_a_program_from_before_has_no_name(recorder: Recorder, paddle: Any, classifier: Path, executor: Any) -> None:
    """A name that nobody saw is not guessed; one that was seen outlives switching off and on."""
    old = _load(paddle, classifier, executor)
    with switched_on(recorder):
        new = _load(paddle, classifier, executor)
    with switched_on(recorder):
        for program, _, fetches in (old, new):
            executor.run(program, feed={"features": features()}, fetch_list=fetches)
    names = [point.attributes["paddle.model.name"] for point in recorder.points("paddle.prediction.duration")]
    assert sorted(names) == ["scores", "unknown"]
