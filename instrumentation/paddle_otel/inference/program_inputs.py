"""What the inputs of a program tell: rows, and tokens of text."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Final, NamedTuple

from paddle_otel.inference.program_values import ROWS_AND_COLUMNS, ProgramValues
from paddle_otel.operations.predicted_model import PredictionFacts

TOKEN_IDS: Final = "input_ids"  # noqa: S105 - the name of an input
ATTENTION_MASK: Final = "attention_mask"

rows_alone = lru_cache(maxsize=256)(PredictionFacts)
"""Returns the facts of a run of which the rows are all that is known."""

_INTEGER_KINDS: Final = "iub"


class TextInputs(NamedTuple):
    """Where a program takes tokenised text.

    Attributes:
        ids: Position of the token ids.
        mask: Position of their attention mask.
    """

    ids: int
    mask: int


def text_inputs(names: Sequence[str]) -> TextInputs | None:
    """Find the inputs that the library's models for text call ``input_ids`` and ``attention_mask``.

    Args:
        names: Names of a program's inputs.

    Returns:
        Where they are; ``None`` when one is missing. Without a mask padding cannot be told from text.
    """
    if TOKEN_IDS not in names or ATTENTION_MASK not in names:
        return None
    return TextInputs(names.index(TOKEN_IDS), names.index(ATTENTION_MASK))


def facts_of(inputs: ProgramValues, text: TextInputs | None) -> PredictionFacts:
    """Return rows and tokens of a run.

    Args:
        inputs: The inputs of the run.
        text: Where its text is.
    """
    rows = inputs.rows()
    return rows_alone(rows) if text is None else PredictionFacts(rows, input_tokens(inputs, text))


def input_tokens(inputs: ProgramValues, text: TextInputs | None) -> int | None:
    """Count the tokens of a run, padding excluded: those that the attention mask keeps.

    Args:
        inputs: The inputs of the run.
        text: Where its text is.

    Returns:
        The count. ``None`` without a mask of integers that has one entry per id (a mask that also covers earlier
        steps, or one that is added to scores, counts something else), and where reading it would copy from a device.
    """
    if text is None or not inputs.names:
        return None
    shape = inputs.shape(text.mask)
    if len(shape) != ROWS_AND_COLUMNS or list(shape) != list(inputs.shape(text.ids)):
        return None
    mask = inputs.array(text.mask)
    if mask is None or mask.dtype.kind not in _INTEGER_KINDS:
        return None
    if mask.dtype.kind == "i" and mask.size and mask.min() < 0:
        return None  # it is added to scores: 0 keeps, and less than that takes away
    # A tenth of the time that NumPy's own sum of booleans takes.
    count: int = mask.astype(bool).tobytes().count(1)
    return count
