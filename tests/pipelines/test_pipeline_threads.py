"""Pipelines called from several threads, and pipelines that work in threads of their own."""

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

from pipelines.own_pipelines import Halves, TextBoxes
from recording import Recorder

MODEL: Final = "PP-OCRv4_mobile_det"


def test_each_thread_has_its_own_call(observed: Recorder) -> None:
    """Sixteen threads, one pipeline: every call is counted once and has its own number of results."""
    halves, barrier = Halves(), threading.Barrier(16)

    def work(size: int) -> list[float]:
        barrier.wait(60)
        return [number for _ in range(20) for number in halves(list(range(size)))]

    with ThreadPoolExecutor(16) as pool:
        given = list(pool.map(work, range(1, 17)))
    assert given == [[number / 2 for _ in range(20) for number in range(size)] for size in range(1, 17)]
    spans = observed.spans("pipeline halves")
    counts = sorted((span.attributes or {})["paddle.pipeline.results"] for span in spans)  # type: ignore[type-var]
    assert counts == sorted(list(range(1, 17)) * 20)
    assert {span.parent for span in spans} == {None}
    assert observed.point("paddle.pipeline.duration").count == 320


def test_a_class_is_patched_once_however_many_threads_make_objects(observed: Recorder) -> None:
    """The first objects of a class may be made at the same time."""
    barrier = threading.Barrier(16)

    def work(_: int) -> list[float]:
        barrier.wait(60)
        return list(Halves()([2]))

    with ThreadPoolExecutor(16) as pool:
        assert list(pool.map(work, range(16))) == [[1.0]] * 16
    assert len(observed.spans("pipeline halves")) == 16


def test_a_pipeline_on_several_devices(observed: Recorder, models: dict[str, Path], invoice: Path) -> None:
    """It works in threads of its own: one call all the same, and every prediction is observed with its name."""
    detection = {
        "model_name": MODEL,
        "module_name": "line_detection",
        "model_dir": str(models[MODEL]),
        "engine_config": {"run_mode": "paddle", "cpu_threads": 1},
    }
    boxes = TextBoxes({"SubModules": {"TextDetection": detection}}, device="gpu:0,1")
    assert boxes.multi_device_inference
    assert [span.name for span in observed.spans()] == [f"load_model {MODEL}"] * 2 + ["load_model text_boxes"]
    observed.clear_spans()
    assert [len(page["dt_polys"]) for page in boxes([str(invoice)] * 2)] == [2, 2]
    span = observed.span("pipeline text_boxes")
    assert (span.attributes or {})["paddle.pipeline.results"] == 2
    predictions = [one for one in observed.spans() if one is not span]
    assert [one.name for one in predictions] == [f"predict {MODEL}"] * 2
    # The pipeline's own word for what the model does in it, not the one that PaddleX has for the model.
    assert [(one.attributes or {})["paddle.pipeline.module"] for one in predictions] == ["line_detection"] * 2
    assert observed.point("paddle.pipeline.duration").count == 1
