"""Wrapper of calls of layers that were loaded from a program."""

import sys
from typing import Any, Final, cast

from paddle_otel.decorators.generators import Refused
from paddle_otel.inference.call_prediction import CallPrediction
from paddle_otel.inference.exported_runs import generation_of
from paddle_otel.inference.handlers import InferenceHandlers
from paddle_otel.inference.jit_layers import KnownLayers, current_device
from paddle_otel.inference.jit_static_values import CallValues
from paddle_otel.observed_call import ObservedCall, ObservedCallWrapper
from paddle_otel.operations.prediction import inside_model_call


class LayerCallWrapper(ObservedCallWrapper):
    """Observes the calls of loaded layers that are predictions, or generations where the program generates.

    A call in training mode with gradients switched on is a training step, not a prediction. A layer is in evaluation
    mode when it comes out of ``paddle.jit.load``, so that only ``layer.train()`` leads there. A call that only builds
    a program (``paddle.jit.save``, ``paddle.jit.to_static``) runs nothing and is not one either.

    Args:
        handlers: Where it reports to.
        layers: What is known about layers.
    """

    def __init__(self, handlers: InferenceHandlers, layers: KnownLayers) -> None:
        super().__init__(handlers.telemetry, "starting the prediction of a loaded layer")
        self._handlers: Final = handlers
        self._layers: Final = layers
        self._seen: Final = layers.seen.get
        self._inside: Final = inside_model_call()

    def _start(self, layer: Any, inputs: tuple[Any, ...], _: dict[str, Any], /) -> ObservedCall | Refused | None:
        paddle = sys.modules["paddle"]
        if self._inside.get() or not paddle.in_dynamic_mode() or (layer.training and paddle.is_grad_enabled()):
            return None
        known = self._seen(layer) or self._layers.read(layer)
        if known.generates:
            values = CallValues(known.input_names, inputs)
            call = generation_of(self._handlers, known.model.origin(current_device()), values, _outputs)
            if call is not None:
                return call
        call = _LayerCall(self._handlers.predictions, known.model.anywhere, known.model_here)
        call.names, call.inputs, call.text = known.input_names, inputs, known.text
        return call


class _LayerCall(CallPrediction):
    __slots__ = ()

    def outputs(self, result: Any) -> CallValues:
        return _outputs(result)


def _outputs(result: Any) -> CallValues:
    # A program does not keep the names of its outputs.
    return CallValues((), cast("Any", result) if isinstance(result, (list, tuple)) else (result,))
