"""Writes a small classifier as a program that ``paddle.inference`` runs: export_classifier.py FOLDER."""

import importlib
import sys
from pathlib import Path
from typing import Any

WIDTH = 8


def main() -> None:
    """Write ``classifier.json`` and ``classifier.pdiparams``, the same ones each time."""
    paddle: Any = importlib.import_module("paddle")
    paddle.seed(7)
    nn = paddle.nn
    network = nn.Sequential(nn.Linear(WIDTH, 16), nn.ReLU(), nn.Linear(16, 4), nn.Softmax())
    network.eval()
    inputs = [paddle.static.InputSpec([None, WIDTH], "float32", name="features")]
    paddle.jit.save(network, str(Path(sys.argv[1]) / "classifier"), input_spec=inputs)


if __name__ == "__main__":
    main()
