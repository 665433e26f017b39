"""A prediction that is passed its inputs, and returns its outputs: of a loaded layer, or of an executor."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

from opentelemetry.util.types import AttributeValue

from paddle_otel.inference.jit_static_values import CallValues, rows_among
from paddle_otel.inference.program_description import described
from paddle_otel.inference.program_inputs import TextInputs, facts_of, rows_alone
from paddle_otel.operations.predicted_model import PredictionFacts
from paddle_otel.operations.prediction import Prediction


class CallPrediction(Prediction, ABC):
    """A call in progress, and what reads it when it has ended.

    Attributes:
        names: Names of its inputs in their order. These three are set once it is made: a small program runs in 80
            microseconds, and one more constructor costs.
        inputs: The inputs.
        text: Where it takes tokenised text.
    """

    __slots__ = ("inputs", "names", "text")

    names: Sequence[str]
    inputs: Sequence[Any]
    text: TextInputs | None

    @abstractmethod
    def outputs(self, result: Any) -> CallValues:
        """Return what the call gave, of what it returned."""
        ...

    def facts(self) -> PredictionFacts:
        """Return rows and tokens."""
        if self.text is None:
            return rows_alone(rows_among(self.inputs))
        return facts_of(CallValues(self.names, self.inputs), self.text)

    def span_attributes(self, result: Any, raised: BaseException | None) -> Mapping[str, AttributeValue]:  # noqa: ARG002 - told by the result
        """Return names and leading dimensions of inputs and outputs."""
        return described(CallValues(self.names, self.inputs), None if result is None else self.outputs(result))
