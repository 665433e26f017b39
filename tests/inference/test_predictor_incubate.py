"""Layers that ``paddle.incubate.jit.inference`` runs with predictors of its own."""

from pathlib import Path
from typing import Any

import pytest

from inference.jit_programs import bits, rows
from inference.programs import computing
from recording import Recorder

# Paddle saves the method of the layer, and warns of what it does itself.
pytestmark = pytest.mark.filterwarnings("ignore:What you save is a function:UserWarning")


@pytest.fixture(autouse=True)
def _every_run_a_span(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PADDLE_OTEL_PREDICTION_SPANS", "always")
    monkeypatch.setenv("TRITON_KERNEL_CACHE_DIR", "")  # Paddle sets it and leaves it so


def scaling(paddle: Any, by: int, folder: Path) -> Any:
    """Return a layer that multiplies, run by a predictor whose program is kept in a folder."""

    def forward(self: Any, x: Any) -> Any:
        return x * self.one * self.by

    layer = computing(paddle, forward)
    layer.by = by
    layer.eval()
    return paddle.incubate.jit.inference(layer, cache_static_model=False, save_model_dir=str(folder))


def test_a_layer_has_no_name(observed: Recorder, paddle: Any, tmp_path: Path) -> None:
    """Paddle calls the folder of every layer after the method, ``forward``: that names no model."""
    for by in (2, 3):
        layer = scaling(paddle, by, tmp_path / str(by))
        for _ in range(2):
            assert bits(layer(rows(paddle))) == bits(rows(paddle) * by)
    names = ["load_model", "predict unknown", "predict unknown"]
    assert [span.name for span in observed.spans()] == names * 2
    assert all("paddle.model.name" not in (span.attributes or {}) for span in observed.spans("load_model"))
    point = observed.point("paddle.prediction.duration")
    assert (point.count, point.attributes["paddle.model.name"]) == (4, "unknown")
    assert observed.points("paddle.model.state") == []
