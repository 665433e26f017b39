"""Describes a run of a program that has ended, for its span."""

from opentelemetry.util.types import AttributeValue

from paddle_otel.conventions import attributes as a
from paddle_otel.inference.program_values import ProgramValues


def described(inputs: ProgramValues, outputs: ProgramValues | None) -> dict[str, AttributeValue]:
    """Return names and leading dimensions of inputs and outputs.

    Args:
        inputs: What it was given.
        outputs: What it gave; ``None`` when it failed.
    """
    found = _described(inputs, a.PADDLE_PREDICTION_INPUT_NAMES, a.PADDLE_PREDICTION_INPUT_LEADING_DIMENSIONS)
    if outputs is not None:
        found.update(
            _described(outputs, a.PADDLE_PREDICTION_OUTPUT_NAMES, a.PADDLE_PREDICTION_OUTPUT_LEADING_DIMENSIONS)
        )
    return found


def _described(values: ProgramValues, names: str, leading_dimensions: str) -> dict[str, AttributeValue]:
    found: dict[str, AttributeValue] = {}
    if values.names:
        found[names] = values.names
    shapes = values.shapes()
    # Only all of them: a list with gaps could not be matched to the names.
    if shapes and all(shapes):
        found[leading_dimensions] = tuple([int(shape[0]) for shape in shapes])
    return found
