"""What the configuration of a predictor tells about it; read before the predictor is made, which uses it up."""

import re
import sys
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from opentelemetry.util.types import AttributeValue

from paddle_otel.conventions import attributes as a
from paddle_otel.inference.program_name import program_name
from paddle_otel.operations.model_naming import ModelNaming, model_naming

_CPU: Final = "cpu"

# As Paddle's Config.Precision and its summary write them.
_PRECISIONS: Final = {
    "Float32": "float32",
    "Half": "float16",
    "Bfloat16": "bfloat16",
    "Int8": "int8",
    "fp16": "float16",
    "bf16": "bfloat16",
}
_MIXED_PRECISION: Final = re.compile(r"\|\s*mixed_precision_mode\s*\|\s*(\w+)")
_NO_ATTRIBUTES: Final[Mapping[str, AttributeValue]] = MappingProxyType({})


class PredictorOrigin(NamedTuple):
    """What was known of a predictor when it was made.

    Attributes:
        name: The model's name; ``None`` when it was loaded from memory or nobody saw it being made.
        device: Where it runs, if known.
        attributes: What every run of it is to carry on its span.
        load_attributes: How it was made, for the span of its load.
        matches_by_name: Whether tensors in a list are matched to inputs by the names they carry, not by position.
    """

    name: str | None = None
    device: str | None = None
    attributes: Mapping[str, AttributeValue] = _NO_ATTRIBUTES
    load_attributes: Mapping[str, AttributeValue] = _NO_ATTRIBUTES
    matches_by_name: bool = False


def origin_of(config: Any) -> PredictorOrigin:
    """Read a configuration.

    Args:
        config: A ``paddle.inference.Config``.
    """
    naming = model_naming().get()
    device = _device(config)
    own: Mapping[str, AttributeValue] = _NO_ATTRIBUTES if naming is None else naming.attributes
    return PredictorOrigin(
        name=_name(config, naming),
        device=device,
        attributes=own,
        load_attributes={**own, **_load_attributes(config, device)},
        matches_by_name=config.specify_input_name(),
    )


def unseen_origin() -> PredictorOrigin:
    """Return what is known of a predictor that nobody saw being made: the device, where Paddle knows only one."""
    return PredictorOrigin(device=_CPU if _knows_only_cpus() else None)


def _name(config: Any, naming: ModelNaming | None) -> str | None:
    if naming is not None:
        return naming.name
    if config.model_from_memory():
        return None  # what should be the paths are the program and the weights themselves
    return program_name(config.prog_file()) or program_name(config.model_dir())


def _load_attributes(config: Any, device: str | None) -> dict[str, AttributeValue]:
    found: dict[str, AttributeValue] = {
        a.PADDLE_INFERENCE_IR_OPTIMIZATION: config.ir_optim(),
        a.PADDLE_INFERENCE_TENSORRT: config.tensorrt_engine_enabled(),
    }
    if device is not None:
        found[a.PADDLE_DEVICE] = device
    if device == _CPU:
        # On a GPU both stay at what they were set to, and neither has a meaning.
        found[a.PADDLE_INFERENCE_CPU_THREADS] = config.cpu_math_library_num_threads()
        found[a.PADDLE_INFERENCE_ONEDNN] = config.mkldnn_enabled()
    precision = _precision(config)
    if precision is not None:
        found[a.PADDLE_INFERENCE_PRECISION] = precision
    return found


def _precision(config: Any) -> str | None:
    """Return the precision that the configuration asks for; where it asks for none it is the program's own."""
    if config.tensorrt_engine_enabled():
        return _PRECISIONS.get(config.tensorrt_precision_mode().name)
    if config.use_gpu():
        # enable_use_gpu(…, precision) has no other way to be read.
        row = _MIXED_PRECISION.search(config.summary())
        return None if row is None else _PRECISIONS.get(row[1])
    return _PRECISIONS["Int8"] if config.mkldnn_int8_enabled() else None


def _device(config: Any) -> str | None:
    if config.use_gpu():
        return f"gpu:{config.gpu_device_id()}"
    if config.use_xpu():
        return f"xpu:{config.xpu_device_id()}"
    # A device of a plug-in cannot be asked for.
    return None if _knows_other_devices() else _CPU


def _knows_only_cpus() -> bool:
    core = sys.modules.get("paddle.base.core")
    if core is None:
        return False
    return not (core.is_compiled_with_cuda() or core.is_compiled_with_xpu() or _knows_other_devices())


def _knows_other_devices() -> bool:
    core: Any = sys.modules.get("paddle.base.core")
    return core is not None and bool(core.is_compiled_with_ipu() or core.get_all_custom_device_type())
