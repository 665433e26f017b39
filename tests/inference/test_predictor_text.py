"""Programs that read tokenised text: the tokens of each run, where they can be told."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest

from inference.programs import computing, predictor_of, raised_by, run, save
from observed import raising, returning
from recording import Recorder

IDS: Final = np.array([[4, 5, 6, 0], [7, 0, 0, 0]])
MASK: Final = np.array([[1, 1, 1, 0], [1, 0, 0, 0]])

Exporter = Callable[..., Any]


@pytest.fixture(autouse=True)
def _every_run_a_span(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PADDLE_OTEL_PREDICTION_SPANS", "always")


@pytest.fixture
def reader_of(observed: Recorder, paddle: Any, tmp_path: Path) -> Exporter:
    """Exports a program that reads ids and an input of this name, type and rank, and returns a predictor of it."""

    def export(name: str, kind: str = "int64", rank: int = 2) -> Any:
        def forward(self: Any, input_ids: Any, other: Any) -> Any:
            rows = paddle.reshape(paddle.cast(input_ids, "float32"), [-1, 4])  # fails without four columns
            return (rows.sum(axis=1) + paddle.cast(other, "float32").sum()) * self.one

        inputs: list[tuple[str, list[int | None], str]] = [
            ("input_ids", [None, None], "int64"),
            (name, [None] * rank, kind),
        ]
        save(paddle, computing(paddle, forward), tmp_path / "encoder" / "model", inputs)
        assert observed
        return predictor_of(paddle, tmp_path / "encoder" / "model")

    return export


def read_tokens(recorder: Recorder) -> tuple[Any, list[float]]:
    """Return the tokens that the one span and the counter tell."""
    span = recorder.span("predict encoder")
    return (span.attributes or {}).get("gen_ai.usage.input_tokens"), [p.value for p in recorder.points("paddle.tokens")]


@pytest.mark.parametrize("kind", ["int64", "int32", "bool"])
def test_tokens_are_those_that_the_mask_keeps(reader_of: Exporter, observed: Recorder, kind: str) -> None:
    """Padding is not counted; the counter is by model and says that they were read."""
    predictor = reader_of("attention_mask", kind)
    run(predictor, IDS, MASK.astype(kind))
    assert read_tokens(observed) == (4, [4])
    assert type((observed.span("predict encoder").attributes or {})["gen_ai.usage.input_tokens"]) is int
    labels = {"gen_ai.token.type": "input", "gen_ai.request.model": "encoder"}
    assert observed.point("paddle.tokens").attributes == labels
    run(predictor, IDS[:1], MASK[:1].astype(kind))
    assert observed.point("paddle.tokens").value == 7


def test_a_failed_run_counts_what_it_was_given(reader_of: Exporter, observed: Recorder) -> None:
    """What was read until the failure was in host memory before it."""
    error = raised_by(run, reader_of("attention_mask"), IDS[:, :3], MASK[:, :3])
    assert "InvalidArgument" in str(error)
    assert read_tokens(observed) == (4, [4])


@pytest.mark.parametrize(
    ("name", "kind", "value"),
    [
        ("token_type_ids", "int64", MASK),  # without a mask, padding is not told from text
        ("attention_mask", "int64", (MASK - 1) * 10000),  # added to scores: 0 keeps
        ("attention_mask", "float32", MASK.astype("float32")),  # added to scores: 0 may mean "keep"
        ("attention_mask", "int64", np.ones((2, 9), "int64")),  # also covers earlier steps
        ("attention_mask", "int64", np.ones((2, 1, 4, 4), "int64")),  # one entry per pair of ids
    ],
    ids=["no mask", "added", "floats", "longer", "four dimensions"],
)
def test_what_cannot_be_told_is_absent(
    reader_of: Exporter, observed: Recorder, name: str, kind: str, value: Any
) -> None:
    """Never an estimate; the rows are known all the same."""
    run(reader_of(name, kind, value.ndim), IDS, value)
    assert read_tokens(observed) == (None, [])
    assert (observed.span("predict encoder").attributes or {})["paddle.batch_size"] == 2


def test_a_predictor_on_another_device_is_not_read(
    reader_of: Exporter, observed: Recorder, paddle: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the mask may be on a device nobody copies it; the shapes are told."""
    monkeypatch.setattr("paddle_otel.inference.predictor_config._device", returning("gpu:0"))
    predictor = reader_of("attention_mask")
    with monkeypatch.context() as during:
        during.setattr(paddle.inference.Tensor, "copy_to_cpu", raising(AssertionError("copied from a device")))
        for array, name in ((IDS, "input_ids"), (MASK, "attention_mask")):
            predictor.get_input_handle(name).copy_from_cpu(array)
        predictor.run()
    assert read_tokens(observed) == (None, [])
    attributes = observed.span("predict encoder").attributes or {}
    assert attributes["paddle.device"] == "gpu:0"
    assert attributes["paddle.prediction.input.leading_dimensions"] == (2, 2)
