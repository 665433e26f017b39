"""A small network as an exported program, and the three ways to run it."""

import importlib
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import wrapt
from least_observed import LeastObserved

# As in paddle_otel.patching.
_FunctionWrapper: Any = wrapt.FunctionWrapper

WIDTH: Final = 16
ROWS: Final = 4
NAME: Final = "small_net"


@dataclass(frozen=True)
class Way:
    """One way to run a program.

    Attributes:
        title: What it is called.
        observed: The call as a program writes it.
        plain: The same call, past every patch.
        timed: The same, behind the least that any wrapper must be: it reads the clock before and after.
        least: The same, behind one function that does all that observing it takes; ``None`` where that is not there.
    """

    title: str
    observed: Callable[[], Any]
    plain: Callable[[], Any]
    timed: Callable[[], Any]
    least: Callable[[], Any] | None = None


def export(folder: Path) -> Path:
    """Export a network of two layers; return the path of its program without a suffix."""
    paddle: Any = importlib.import_module("paddle")
    paddle.seed(1)
    layers = (paddle.nn.Linear(WIDTH, WIDTH), paddle.nn.ReLU(), paddle.nn.Linear(WIDTH, WIDTH))
    network = paddle.nn.Sequential(*layers)
    network.eval()
    path = folder / NAME
    paddle.jit.save(network, str(path), [paddle.static.InputSpec([None, WIDTH], "float32", "x")])
    return path


def predictor_way(path: Path) -> Way:
    """Run it as a predictor of ``paddle.inference``, its input written once."""
    inference: Any = importlib.import_module("paddle.inference")
    config = inference.Config(f"{path}.json", f"{path}.pdiparams")
    config.disable_glog_info()
    config.set_cpu_math_library_num_threads(1)
    predictor = inference.create_predictor(config)
    predictor.get_input_handle("x").copy_from_cpu(_input())
    original = inference.Predictor.__dict__["run"]
    plain_run = getattr(original, "__wrapped__", original)
    timed_run = _timed(plain_run)
    return Way(
        "Predictor.run",
        lambda: predictor.run(),  # noqa: PLW0108 - looking it up is part of the call
        lambda: plain_run(predictor),
        lambda: timed_run(predictor),
    )


def layer_way(path: Path) -> Way:
    """Run it as a layer that ``paddle.jit.load`` returned."""
    paddle: Any = importlib.import_module("paddle")
    layer, value = paddle.jit.load(str(path)), paddle.to_tensor(_input())
    layer.eval()
    plain_call = paddle.nn.Layer.__call__
    timed_call = _timed(plain_call)
    return Way("jit layer", lambda: layer(value), lambda: plain_call(layer, value), lambda: timed_call(layer, value))


def executor_way(path: Path) -> Way:
    """Run it by an executor. Switches Paddle to static mode."""
    paddle: Any = importlib.import_module("paddle")
    paddle.enable_static()
    executor = paddle.static.Executor(paddle.CPUPlace())
    program, _, fetches = paddle.static.load_inference_model(str(path), executor)
    original = paddle.static.Executor.__dict__["run"]
    plain_run, feed = getattr(original, "__wrapped__", original), {"x": _input()}
    timed_run, least_run = _timed(plain_run), LeastObserved(program).around(plain_run)
    return Way(
        "Executor.run",
        lambda: executor.run(program, feed=feed, fetch_list=fetches),
        lambda: plain_run(executor, program, feed=feed, fetch_list=fetches),
        lambda: timed_run(executor, program, feed=feed, fetch_list=fetches),
        # Bound for each call, as a patched method is.
        lambda: least_run.__get__(executor, type(executor))(program, feed=feed, fetch_list=fetches),
    )


def _timed(function: Any) -> Any:
    durations: deque[int] = deque(maxlen=1000)

    def wrapper(wrapped: Callable[..., Any], _: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        began = time.perf_counter_ns()
        result = wrapped(*args, **kwargs)
        durations.append(time.perf_counter_ns() - began)
        return result

    return _FunctionWrapper(function, wrapper)


def _input() -> Any:
    return np.ones((ROWS, WIDTH), dtype=np.float32)
