"""Wrapper of calls of layers that were loaded from a program."""

import sys
from collections.abc import Mapping, Sequence
from typing import Any, Final, cast

from opentelemetry.util.types import AttributeValue

from paddle_otel.decorators.generators import Refused
from paddle_otel.inference.exported_runs import generation_of
from paddle_otel.inference.handlers import InferenceHandlers
from paddle_otel.inference.jit_layers import KnownLayer, KnownLayers, current_device
from paddle_otel.inference.jit_static_values import CallValues, rows_among
from paddle_otel.inference.program_inputs import facts_of, rows_alone
from paddle_otel.inference.program_reader import ProgramReader
from paddle_otel.observed_call import ObservedCall, ObservedCallWrapper
from paddle_otel.operations.predicted_model import PredictionFacts
from paddle_otel.operations.prediction import Prediction, inside_model_call


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
        call = _ObservedCall(self._handlers.predictions, known.model.anywhere, known.model_here)
        call.layer, call.inputs = known, inputs
        return call


class _ObservedCall(Prediction):
    """A call in progress, and what reads it when it has ended."""

    __slots__ = ("_result", "inputs", "layer")

    layer: KnownLayer
    inputs: Sequence[Any]

    def finish(self, result: Any) -> None:
        self._result = result
        self.end(self)

    def fail(self, error: BaseException) -> None:
        self._result = None
        self.end(self, error)

    def facts(self) -> PredictionFacts:
        if self.layer.text is None:
            return rows_alone(rows_among(self.inputs))
        return facts_of(CallValues(self.layer.input_names, self.inputs), self.layer.text)

    def span_attributes(self) -> Mapping[str, AttributeValue]:
        outputs = None if self._result is None else _outputs(self._result)
        inputs = CallValues(self.layer.input_names, self.inputs)
        return ProgramReader(inputs, outputs, self.layer.text).span_attributes()


def _outputs(result: Any) -> CallValues:
    # A program does not keep the names of its outputs.
    return CallValues((), cast("Any", result) if isinstance(result, (list, tuple)) else (result,))
