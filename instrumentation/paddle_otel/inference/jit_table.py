"""What is patched for ``paddle.jit``: layers that were loaded from a program."""

import sys
from collections.abc import Iterable
from typing import Any

from paddle_otel.conventions import attributes as a
from paddle_otel.inference.handlers import InferenceHandlers
from paddle_otel.inference.jit_calls import LayerCallWrapper
from paddle_otel.inference.jit_layers import KnownLayers
from paddle_otel.inference.jit_static_loads import Arguments, Loading, LoadWrapper, argument, name_of_file
from paddle_otel.patching import Patch


def jit_patches(handlers: InferenceHandlers) -> Iterable[Patch]:
    """Return the patches.

    Args:
        handlers: Where the wrappers report to.
    """
    # Not made anew when switched on again: a layer is loaded once.
    layers = handlers.telemetry.meters.keep(KnownLayers, KnownLayers)
    load = LoadWrapper(handlers, Loading(a.KIND_JIT_LAYER, _name, _device, _itself, layers.loaded))
    call = LayerCallWrapper(handlers, layers)
    # By the module that is imported last: patched earlier, the other one would take over the patched function.
    return (
        Patch("paddle.jit", "load", load),
        Patch("paddle.jit", "load", load, owner_module="paddle.jit.api"),
        Patch("paddle.jit.pir_translated_layer", "PirTranslatedLayer.__call__", call),
        Patch("paddle.jit.translated_layer", "TranslatedLayer.__call__", call),
    )


def _name(arguments: Arguments) -> str | None:
    return name_of_file(argument(arguments, 0, "path"), arguments[1].get("model_filename"))


def _device(_: Arguments) -> str | None:
    return sys.modules["paddle"].device.get_device()


def _itself(layer: Any) -> Any:
    return layer
