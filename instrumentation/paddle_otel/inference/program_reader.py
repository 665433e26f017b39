"""Reads a run of a program that has ended."""

from collections.abc import Mapping
from typing import Final

from opentelemetry.util.types import AttributeValue

from paddle_otel.conventions import attributes as a
from paddle_otel.inference.program_inputs import TextInputs, facts_of
from paddle_otel.inference.program_values import ProgramValues
from paddle_otel.operations.predicted_model import PredictionFacts


class ProgramReader:
    """Reads what a prediction reports of a program's run.

    Args:
        inputs: What it was given.
        outputs: What it gave; ``None`` when it failed.
        text: Where its tokenised text is.
    """

    __slots__ = ("_inputs", "_outputs", "_text")

    def __init__(self, inputs: ProgramValues, outputs: ProgramValues | None, text: TextInputs | None) -> None:
        self._inputs: Final = inputs
        self._outputs: Final = outputs
        self._text: Final = text

    def facts(self) -> PredictionFacts:
        """Return rows and tokens."""
        return facts_of(self._inputs, self._text)

    def span_attributes(self) -> Mapping[str, AttributeValue]:
        """Return names and leading dimensions of inputs and outputs."""
        found = _described(self._inputs, a.PADDLE_PREDICTION_INPUT_NAMES, a.PADDLE_PREDICTION_INPUT_LEADING_DIMENSIONS)
        if self._outputs is not None:
            found.update(
                _described(
                    self._outputs, a.PADDLE_PREDICTION_OUTPUT_NAMES, a.PADDLE_PREDICTION_OUTPUT_LEADING_DIMENSIONS
                )
            )
        return found


def _described(values: ProgramValues, names: str, leading_dimensions: str) -> dict[str, AttributeValue]:
    found: dict[str, AttributeValue] = {}
    if values.names:
        found[names] = values.names
    shapes = [values.shape(index) for index in range(values.count)]
    # Only all of them: a list with gaps could not be matched to the names.
    if shapes and all(shapes):
        found[leading_dimensions] = tuple(int(shape[0]) for shape in shapes)
    return found
