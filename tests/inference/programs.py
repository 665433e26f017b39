"""Small programs that the tests export, and predictors that run them."""

import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

_LEGACY_SCRIPT = """
import sys
import zlib

import paddle

sys.path.insert(0, sys.argv[1])
from inference.programs import save_classifier

save_classifier(paddle, sys.argv[2])
"""


def save(paddle: Any, layer: Any, path: str | Path, inputs: Sequence[tuple[str, list[int | None], str]]) -> None:
    """Export a layer in the format of the installed version of Paddle.

    Args:
        paddle: Paddle.
        layer: The layer.
        path: Where its files go, without extension.
        inputs: Name, shape and type of each input.
    """
    layer.eval()
    specs = [paddle.static.InputSpec(shape, kind, name=name) for name, shape, kind in inputs]
    paddle.jit.save(paddle.jit.to_static(layer, input_spec=specs, full_graph=True), str(path))


def computing(paddle: Any, forward: Callable[..., Any]) -> Any:
    """Return a layer whose ``forward`` is this function.

    Args:
        paddle: Paddle.
        forward: Its first parameter must be called ``self``. It has to use the layer's weight ``one``, which is 1:
            Paddle does not load a program without weights.
    """
    layer = type("Computing", (paddle.nn.Layer,), {"forward": forward})()
    layer.one = layer.create_parameter([1], default_initializer=paddle.nn.initializer.Constant(1.0))
    return layer


def save_classifier(paddle: Any, path: str | Path) -> None:
    """Export a network from rows of four features to rows of two scores."""
    paddle.seed(20)
    layer = paddle.nn.Sequential(paddle.nn.Linear(4, 8), paddle.nn.ReLU(), paddle.nn.Linear(8, 2))
    save(paddle, layer, path, [("features", [None, 4], "float32")])


def save_legacy_classifier(path: Path) -> None:
    """Export the same network in the format before Paddle 3.0, which every version reads."""
    environment = {"FLAGS_enable_pir_api": "0", "PATH": "/usr/bin:/bin", "GLOG_v": "-1"}
    tests = str(Path(__file__).parents[1])
    subprocess.run(
        [sys.executable, "-W", "ignore", "-c", _LEGACY_SCRIPT, tests, str(path)],
        env=environment,
        check=True,
        capture_output=True,
        timeout=300,
    )
    assert path.with_suffix(".pdmodel").exists()


def program_file(path: Path) -> Path:
    """Return the file that the installed version of Paddle has written for a program."""
    return next(file for file in (path.with_suffix(".json"), path.with_suffix(".pdmodel")) if file.exists())


def config_of(paddle: Any, path: Path) -> Any:
    """Return a configuration for a program; without oneDNN, which computes some programs differently."""
    config = paddle.inference.Config(str(program_file(path)), str(path.with_suffix(".pdiparams")))
    config.disable_glog_info()
    config.disable_mkldnn()
    return config


def predictor_of(paddle: Any, path: Path) -> Any:
    """Return a new predictor of a program."""
    return paddle.inference.create_predictor(config_of(paddle, path))


def feed(predictor: Any, *arrays: Any) -> None:
    """Put arrays into a predictor."""
    for name, array in zip(predictor.get_input_names(), arrays, strict=True):
        handle = predictor.get_input_handle(name)
        handle.reshape(list(array.shape))
        handle.copy_from_cpu(array)


def fetch(predictor: Any) -> list[Any]:
    """Return copies of what a predictor has computed."""
    return [predictor.get_output_handle(name).copy_to_cpu() for name in predictor.get_output_names()]


def run(predictor: Any, *arrays: Any) -> list[Any]:
    """Run a predictor on arrays."""
    feed(predictor, *arrays)
    predictor.run()
    return fetch(predictor)


def raised_by(call: Any, *args: Any) -> BaseException:
    """Return what a call raises."""
    with pytest.raises(Exception) as caught:  # noqa: PT011 - whatever Paddle raises is compared by its caller
        call(*args)
    return caught.value
