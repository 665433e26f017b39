"""Switching on and off, any number of times, and leaving PaddleX and PaddleOCR as they were."""

import gc
import importlib
import sys
import weakref
from collections.abc import Generator, Iterator
from typing import Any

import pytest
from opentelemetry.instrumentation.utils import suppress_instrumentation

from paddle_otel.paddlex import PaddleXInstrumentor
from paddle_otel.paddlex.pipeline_parts import PipelineParts
from pipelines.own_pipelines import Halves
from recording import Recorder

NETWORKS = "paddlex.inference.models.common.transformers"

# Of several versions; each has those that it has.
FAMILIES = (
    ("paddlex.inference.pipelines.base", "BasePipeline"),
    ("paddlex.inference.models.predictors.base_predictor", "BasePredictor"),
    ("paddleocr._pipelines.base", "PaddleXPipelineWrapper"),
    ("paddleocr._models.base", "PaddleXPredictorWrapper"),
    ("paddlex.utils.subclass_register", "AutoRegisterABCMetaClass"),
    ("paddlex.inference.models.runners.paddle_static.runner", "PaddleStaticRunner"),
    ("paddlex.inference.models.base.predictor.base_predictor", "BasePredictor"),
    ("paddlex.inference.models.common.static_infer", "PaddleInfer"),
    (f"{NETWORKS}.transformers.model_utils", "PretrainedModel"),
    (f"{NETWORKS}.generation.utils", "GenerationMixin"),
)


def below(kind: type) -> Iterator[type]:
    """Return a class and every class below it."""
    yield kind
    for one in type.__subclasses__(kind):
        yield from below(one)


def held() -> dict[type, dict[str, Any]]:
    """Return what every class of PaddleX and PaddleOCR holds that may be patched."""
    kinds = [
        one for module, name in FAMILIES if module in sys.modules for one in below(getattr(sys.modules[module], name))
    ]
    # What Python itself and the abstract base classes note down is not a program's.
    return {
        kind: {name: one for name, one in vars(kind).items() if not name.startswith(("_abc_", "__abstract"))}
        for kind in kinds
    }


def changed(before: dict[type, dict[str, Any]]) -> set[str]:
    """Return ``Class.name`` of everything that is another object than before, new or gone."""
    now = held()
    return {
        f"{kind.__name__}.{name}"
        for kind in before
        for name in before[kind].keys() | now[kind].keys()
        if before[kind].get(name) is not now[kind].get(name)
    }


@pytest.fixture
def instrumentor(paddlex: Any) -> Iterator[PaddleXInstrumentor]:
    """The instrumentor; off when the test ends."""
    assert paddlex
    made = PaddleXInstrumentor()
    yield made
    if made.is_instrumented_by_opentelemetry:
        made.uninstrument()


def test_every_class_is_as_it_was(instrumentor: PaddleXInstrumentor, recorder: Recorder, ocr: Any) -> None:
    """Whatever a class held before it was patched it holds again, the very objects; nothing was added."""
    assert ocr
    importlib.import_module(NETWORKS + ".transformers.model_utils")  # as the first model of its kind does
    before = held()
    for _ in range(3):
        instrumentor.instrument(**recorder.providers)
        patched = changed(before)
        assert {
            "BasePipeline.create_model",
            "_OCRPipeline.predict",
            "AutoParallelSimpleInferencePipeline.predict",
            "PP_ChatOCRv4_Pipeline.visual_predict",
            "Halves.predict",
            "BasePredictor.apply",
            "BEVDet3DRunnerPredictor.apply",
            "PaddleOCR.predict",
            "PaddleOCR.predict_iter",
            "PPStructureV3.predict",
            "PaddleXPredictorWrapper.predict",
            "AutoRegisterABCMetaClass.__call__",
            "PaddleStaticRunner._create",
            "PretrainedModel.__call__",
            "PretrainedModel.from_pretrained",
            "GenerationMixin.generate",
        } < patched
        instrumentor.uninstrument()
        assert changed(before) == set()


def test_a_class_that_comes_later(instrumentor: PaddleXInstrumentor, recorder: Recorder) -> None:
    """It is patched when its first object is made, and restored all the same."""
    instrumentor.instrument(**recorder.providers)

    class Thirds(Halves):
        entities = "thirds"

        def predict(self, input: list[Any], **_: Any) -> Generator[Any, Any, int]:  # noqa: A002 - PaddleX's name
            yield from (number / 3 for number in input)
            return 0

    original = vars(Thirds)["predict"]
    assert list(Thirds().predict([3])) == [1.0]
    assert recorder.span("pipeline thirds")
    assert vars(Thirds)["predict"] is not original
    instrumentor.uninstrument()
    assert vars(Thirds)["predict"] is original
    assert list(Thirds().predict([3])) == [1.0]
    assert len(recorder.spans("pipeline thirds")) == 1


def test_no_class_is_patched_by_an_object_that_is_being_made_while_it_is_switched_off(
    instrumentor: PaddleXInstrumentor, recorder: Recorder
) -> None:
    """Another thread may be in a wrapper at that moment."""
    instrumentor.instrument(**recorder.providers)
    (patch, *_) = instrumentor.classes.base_patches()
    instrumentor.uninstrument()
    before, halves = held(), Halves()
    patch.wrapper(lambda: None, halves, (), {})
    assert changed(before) == set()


def test_on_and_off_and_on(instrumentor: PaddleXInstrumentor, recorder: Recorder) -> None:
    """Each time it is on a call is one span, each time it is off none; metrics go on where they were."""
    halves = Halves()
    for turn in range(1, 4):
        instrumentor.instrument(**recorder.providers)
        assert list(halves([2])) == [1.0]
        assert len(recorder.spans("pipeline halves")) == turn
        assert recorder.point("paddle.pipeline.duration").count == turn
        instrumentor.uninstrument()
        assert list(halves([2])) == [1.0]
        assert len(recorder.spans("pipeline halves")) == turn


def test_another_provider_takes_over(instrumentor: PaddleXInstrumentor, recorder: Recorder) -> None:
    """Switched off and on with another SDK, the new one gets everything."""
    halves, other = Halves(), Recorder()
    for one in (other, recorder):
        instrumentor.instrument(**one.providers)
        list(halves([2]))
        instrumentor.uninstrument()
    assert [len(one.spans("pipeline halves")) for one in (other, recorder)] == [1, 1]


def test_a_method_and_a_generator_that_were_kept(instrumentor: PaddleXInstrumentor, recorder: Recorder) -> None:
    """A bound method falls through when it is off; a generator that had begun is observed to its end."""
    halves = Halves()
    instrumentor.instrument(**recorder.providers)
    kept, begun = halves.predict, halves.predict([2, 4])
    assert next(iter(begun)) == 1.0
    instrumentor.uninstrument()
    assert list(kept([8])) == [4.0]
    assert recorder.spans("pipeline halves") == []
    assert list(begun) == [2.0]
    assert (recorder.span("pipeline halves").attributes or {})["paddle.pipeline.results"] == 2


def test_suppressed_instrumentation(instrumentor: PaddleXInstrumentor, recorder: Recorder) -> None:
    """Nothing is recorded where the program asks for that."""
    instrumentor.instrument(**recorder.providers)
    with suppress_instrumentation():
        assert list(Halves()([2])) == [1.0]
    assert recorder.spans() == []


def test_without_an_sdk_nothing_is_wrapped(instrumentor: PaddleXInstrumentor) -> None:
    """A generator is the library's own."""
    instrumentor.instrument()
    results = Halves().predict([2])
    assert getattr(results, "gi_code", None) is getattr(Halves.predict, "__wrapped__", Halves.predict).__code__
    assert list(results) == [1.0]


def test_switched_off_by_setting(
    instrumentor: PaddleXInstrumentor, recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is patched."""
    monkeypatch.setenv("PADDLE_OTEL_ENABLED", "false")
    before = held()
    instrumentor.instrument(**recorder.providers)
    assert changed(before) == set()


def test_the_models_of_a_pipeline_are_remembered_as_long_as_they_live() -> None:
    """And no longer."""
    parts, model = PipelineParts(), Halves()
    parts.add(model)
    assert (model in parts, Halves() in parts) == (True, False)
    gone = weakref.ref(model)
    del model
    gc.collect()
    assert gone() is None


def test_pipelines_are_not_kept_alive(instrumentor: PaddleXInstrumentor, recorder: Recorder) -> None:
    """A thousand pipelines leave nothing behind."""
    instrumentor.instrument(**recorder.providers)
    gone: list[weakref.ref[Any]] = []
    for _ in range(1000):
        halves = Halves()
        gone.append(weakref.ref(halves))
        list(halves([2]))
        del halves
    gc.collect()
    assert [one for one in gone if one() is not None] == []
    assert len(instrumentor.classes._patch_sets) < 500  # noqa: SLF001  # pyright: ignore[reportPrivateUsage] - one for each class
