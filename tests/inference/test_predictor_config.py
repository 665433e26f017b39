"""What a configuration tells, also of devices that no test machine has: those answers are given in its place."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from inference.programs import config_of
from observed import returning
from paddle_otel.inference.predictor_config import origin_of, unseen_origin

# What Paddle's own summary says for enable_use_gpu(100, 1, PrecisionType.Half).
SUMMARY = """
| use_gpu                      | true  |
| gpu_device_id                | 1     |
| enable_gpu_mixed             | 1     |
| mixed_precision_mode         | {}    |
| memory_pool_init_size        | 100MB |
"""

Maker = Callable[..., Any]


@pytest.fixture
def config(paddle: Any, classifier: Path) -> Maker:
    """Makes a configuration that gives these answers in place of its own."""

    def make(**answers: Any) -> Any:
        kind = type("Answering", (paddle.inference.Config,), {k: returning(v) for k, v in answers.items()})
        real = config_of(paddle, classifier)
        return kind(real.prog_file(), real.params_file())

    return make


def test_a_gpu_is_told_with_its_number(config: Maker) -> None:
    """What only has a meaning on the CPU is absent."""
    origin = origin_of(config(use_gpu=True, gpu_device_id=1, summary=SUMMARY.format("fp32")))
    assert origin.device == "gpu:1"
    assert origin.load_attributes == {
        "paddle.inference.ir_optimization": True,
        "paddle.inference.tensorrt": False,
        "paddle.device": "gpu:1",
    }


@pytest.mark.parametrize(("written", "told"), [("fp16", "float16"), ("bf16", "bfloat16"), ("fp32", None), ("?", None)])
def test_mixed_precision_on_a_gpu_is_told(config: Maker, written: str, told: str | None) -> None:
    """``fp32`` is what is written when nothing was asked for: the precision is the program's own then."""
    origin = origin_of(config(use_gpu=True, gpu_device_id=0, summary=SUMMARY.format(written)))
    assert origin.load_attributes.get("paddle.inference.precision") == told


def test_an_xpu_is_told_with_its_number(config: Maker) -> None:
    """As Paddle writes it."""
    assert origin_of(config(use_xpu=True, xpu_device_id=2)).device == "xpu:2"


@pytest.mark.parametrize(("precision", "told"), [("Half", "float16"), ("Int8", "int8"), ("Float32", "float32")])
def test_the_precision_of_tensorrt_is_told(config: Maker, paddle: Any, precision: str, told: str) -> None:
    """The engine's, whatever the program's is."""
    mode = getattr(paddle.inference.PrecisionType, precision)
    answers = {"use_gpu": True, "gpu_device_id": 0, "summary": SUMMARY.format("fp32")}
    origin = origin_of(config(tensorrt_engine_enabled=True, tensorrt_precision_mode=mode, **answers))
    assert origin.load_attributes["paddle.inference.tensorrt"] is True
    assert origin.load_attributes["paddle.inference.precision"] == told


def test_eight_bit_integers_on_the_cpu_are_told(paddle: Any, classifier: Path) -> None:
    """What ``enable_mkldnn_int8`` asks for."""
    config = config_of(paddle, classifier)
    config.enable_mkldnn_int8()
    told = config.mkldnn_int8_enabled()
    assert origin_of(config).load_attributes.get("paddle.inference.precision") == ("int8" if told else None)


def test_with_a_plug_in_the_device_is_unknown(config: Maker, paddle: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A configuration does not say whether it uses the device of a plug-in, so nothing says ``cpu``."""
    monkeypatch.setattr(paddle.base.core, "get_all_custom_device_type", returning(["npu"]))
    origin = origin_of(config())
    assert origin.device is None
    assert "paddle.device" not in origin.load_attributes
    assert "paddle.inference.cpu_threads" not in origin.load_attributes


@pytest.mark.parametrize("accelerator", ["cuda", "xpu", "ipu"])
def test_of_an_unseen_predictor_the_device_is_told_where_there_is_one_only(
    paddle: Any, monkeypatch: pytest.MonkeyPatch, accelerator: str
) -> None:
    """A Paddle that knows more than CPUs leaves it open."""
    assert unseen_origin().device == "cpu"
    monkeypatch.setattr(paddle.base.core, f"is_compiled_with_{accelerator}", returning(value=True))
    assert unseen_origin().device is None
