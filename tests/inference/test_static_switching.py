"""Switching on and off, suppression, broken telemetry, threads and memory, for executors."""

import gc
import importlib
import threading
import weakref
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.instrumentation.utils import suppress_instrumentation

from inference.jit_programs import bits, predictions, request, switched_on
from inference.static_programs import build, features, static_mode
from observed import raising
from paddle_otel.inference import PaddleInferenceInstrumentor
from paddle_otel.inference.jit_static_values import CallValues
from paddle_otel.inference.static_programs import KnownProgram, KnownPrograms
from paddle_otel.inference.static_run_arguments import RunArguments
from paddle_otel.operations.model_load import ModelLoads
from paddle_otel.operations.prediction import Prediction
from recording import Recorder

# What Paddle 3 says of its own code when it makes the gradients of a program.
pytestmark = pytest.mark.filterwarnings("ignore:.*do not have 'place' interface:UserWarning")

THREADS = 16
RUNS = 6


def _run(paddle: Any, path: Path, executor: Any, count: int = 3) -> list[bytes]:
    program, _, fetches = paddle.static.load_inference_model(str(path), executor)
    return bits(executor.run(program, feed={"features": features(count)}, fetch_list=fetches))


def _targets(paddle: Any) -> list[Any]:
    modules = (paddle.static, importlib.import_module("paddle.static.io"))
    return [*(vars(module)["load_inference_model"] for module in modules), vars(paddle.static.Executor)["run"]]


def test_switching_off_restores_the_very_same_objects(recorder: Recorder, paddle: Any) -> None:
    """Both names of the function and the method are what they were."""
    before = _targets(paddle)
    assert before[0] is before[1]
    with switched_on(recorder):
        assert all(now is not then for now, then in zip(_targets(paddle), before, strict=True))
    assert all(now is then for now, then in zip(_targets(paddle), before, strict=True))


def test_both_names_of_the_function_are_seen(observed: Recorder, paddle: Any, classifier: Path) -> None:
    """One load is one span, whichever module it was imported from."""
    with static_mode(paddle) as executor:
        for load in _targets(paddle)[:2]:
            load(str(classifier), executor)
    assert [span.name for span in observed.spans()] == ["load_model scores"] * 2


def test_off_or_suppressed_nothing_is_reported(recorder: Recorder, paddle: Any, classifier: Path) -> None:
    """And every run gives what it gives."""
    with static_mode(paddle) as executor:
        plain = _run(paddle, classifier, executor)
        with switched_on(recorder), suppress_instrumentation():
            assert _run(paddle, classifier, executor) == plain
        assert _run(paddle, classifier, executor) == plain
    assert recorder.spans() == []
    assert predictions(recorder) == 0


def test_without_an_sdk_nothing_is_started(paddle: Any, classifier: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither a load nor a prediction: what is broken in them is not even noticed."""
    instrumentor = PaddleInferenceInstrumentor()
    with static_mode(paddle) as executor:
        plain = _run(paddle, classifier, executor)
        for owner, name in ((ModelLoads, "start"), (Prediction, "__init__")):
            monkeypatch.setattr(owner, name, raising(ZeroDivisionError("started without an SDK")))
        instrumentor.instrument()
        try:
            assert _run(paddle, classifier, executor) == plain
        finally:
            instrumentor.uninstrument()


@pytest.mark.parametrize(
    ("owner", "name"),
    [
        (Prediction, "__init__"),
        (ModelLoads, "start"),
        (CallValues, "shapes"),
        (RunArguments, "__init__"),
        (KnownPrograms, "predicting"),
        (RunArguments, "output_names"),
        (KnownProgram, "trains"),
    ],
)
def test_broken_telemetry_leaves_load_and_run_alone(
    observed: Recorder,
    paddle: Any,
    classifier: Path,
    monkeypatch: pytest.MonkeyPatch,
    telemetry_trouble: Any,
    owner: type,
    name: str,
) -> None:
    """A bug of ours costs what it would have reported, nothing else."""
    telemetry_trouble.expected = True
    with static_mode(paddle) as executor:
        with suppress_instrumentation():
            plain = _run(paddle, classifier, executor)
        monkeypatch.setattr(owner, name, raising(ZeroDivisionError("a bug")))
        with request(observed):
            assert _run(paddle, classifier, executor) == plain
    assert telemetry_trouble.sites


def test_sixteen_threads_are_counted_exactly(observed: Recorder, paddle: Any, classifier: Path) -> None:
    """Each thread has a program, an executor and variables of its own; each run is a prediction with its own rows."""
    begin = threading.Barrier(THREADS)
    with static_mode(paddle) as executor:
        scopes = [paddle.static.Scope() for _ in range(THREADS)]
        loaded: list[Any] = []
        for scope in scopes:
            with paddle.static.scope_guard(scope):
                loaded.append(paddle.static.load_inference_model(str(classifier), executor))
        executors = [paddle.static.Executor(paddle.CPUPlace()) for _ in range(THREADS)]

        def work(number: int) -> list[list[bytes]]:
            begin.wait(60)
            program, _, fetches = loaded[number]
            given = {"feed": {"features": features(1 + number)}, "fetch_list": fetches, "scope": scopes[number]}
            return [bits(executors[number].run(program, **given)) for _ in range(RUNS)]

        with ThreadPoolExecutor(THREADS) as pool:
            results = list(pool.map(work, range(THREADS)))
        with suppress_instrumentation():
            plain = [_run(paddle, classifier, executor, 1 + number) for number in range(THREADS)]
    assert results == [[one] * RUNS for one in plain]
    assert predictions(observed) == THREADS * RUNS
    assert observed.point("paddle.prediction.batch_size").value == RUNS * sum(range(1, THREADS + 1))


def test_what_is_let_go_is_gone(observed: Recorder, paddle: Any, classifier: Path) -> None:
    """Nothing of ours keeps a program, an executor or an input alive, and nothing is remembered of them."""

    def remembered() -> int:
        gc.collect()
        return sum(isinstance(one, KnownProgram) for one in gc.get_objects())

    before = remembered()
    left: list[weakref.ref[Any]] = []
    with static_mode(paddle):
        for _ in range(10):
            executor = paddle.static.Executor(paddle.CPUPlace())
            program, _, fetches = paddle.static.load_inference_model(str(classifier), executor)
            given = features()
            executor.run(program, feed={"features": given}, fetch_list=fetches)
            left += [weakref.ref(one) for one in (program, executor, given)]
            executor.close()
            del executor, program, fetches, given
    assert remembered() == before
    assert [reference() for reference in left] == [None] * len(left)
    assert predictions(observed) == 10


def test_compiled_programs_are_the_programs_they_were_made_of(
    observed: Recorder, paddle: Any, classifier: Path
) -> None:
    """Of the older format only: the newer one is refused, with us as without us."""
    with static_mode(paddle) as executor:
        program, _, fetches = paddle.static.load_inference_model(str(classifier), executor)
        built = build(paddle)
        executor.run(built.startup)
        if isinstance(program, paddle.static.Program) and hasattr(program, "desc"):
            compiled = paddle.static.CompiledProgram(program)
            executor.run(compiled, feed={"features": features()}, fetch_list=fetches)
            training = paddle.static.CompiledProgram(built.training)
            executor.run(training, feed={"features": features()}, fetch_list=[built.loss])
            assert observed.point("paddle.prediction.duration").attributes["paddle.model.name"] == "scores"
        else:
            with pytest.raises(TypeError):
                paddle.static.CompiledProgram(program)
            assert predictions(observed) == 0
