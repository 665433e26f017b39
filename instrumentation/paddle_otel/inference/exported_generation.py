"""A program exported from a language model that generates a whole answer in one run: token ids in, token ids out."""

from collections.abc import Sequence
from typing import Any, Final

from opentelemetry.util.types import AttributeValue

from paddle_otel.conventions import attributes as a
from paddle_otel.inference.predictor_config import PredictorOrigin
from paddle_otel.inference.program_inputs import TOKEN_IDS, input_tokens, text_inputs
from paddle_otel.inference.program_values import ROWS_AND_COLUMNS, ProgramValues
from paddle_otel.operations.generation_facts import GenerationRequest, GenerationResponse

_NEW_TOKENS: Final = ("max_new_tokens", "max_dec_len")

# How many new tokens: one of these beside token ids makes a program one that generates.
_LIMITS: Final = frozenset(_NEW_TOKENS)

# Two of these do; one alone does not. A program that retrieves documents takes top_k too, an encoder max_length.
_CONTROLS: Final = frozenset({"max_length", "top_k", "top_p", "temperature"})
_ENOUGH_CONTROLS: Final = 2

# Any of these makes it one that is run once per token, or gives its ids to somebody else than its caller.
_STEP_STATE: Final = frozenset(
    {"block_tables", "next_tokens", "not_need_stop", "pre_ids", "seq_lens_this_time", "step_idx", "stop_flags"}
)
_CHOSEN: Final = {
    "top_k": (a.GEN_AI_REQUEST_TOP_K, int),
    "top_p": (a.GEN_AI_REQUEST_TOP_P, float),
    "temperature": (a.GEN_AI_REQUEST_TEMPERATURE, float),
}


def is_generation_program(names: Sequence[str]) -> bool:
    """Tell by the names of its inputs whether a program generates a whole answer in one run.

    Args:
        names: Names of its inputs.

    Returns:
        Whether it takes ``input_ids`` and what controls a generation (``max_new_tokens`` or ``max_dec_len``, or two of
        ``max_length``, ``top_k``, ``top_p`` and ``temperature``), and no state that goes on from run to run: a run of
        a program with such a state is a prediction.
    """
    found = frozenset(names)
    if TOKEN_IDS not in found or found & _STEP_STATE:
        return False
    return bool(found & _LIMITS) or len(found & _CONTROLS) >= _ENOUGH_CONTROLS


class ExportedGeneration:
    """One run of a program that generates; reads its inputs when made, which is before the run.

    Args:
        origin: What is known of the program.
        inputs: What it is given.
    """

    __slots__ = ("_columns", "_input_tokens", "_limit", "_prompt", "_rows", "request")

    def __init__(self, origin: PredictorOrigin, inputs: ProgramValues) -> None:
        ids = inputs.names.index(TOKEN_IDS)
        self._rows, self._columns = (int(extent) for extent in inputs.shape(ids))
        self._prompt = inputs.array(ids)
        self._limit = _new_tokens_asked_for(inputs)
        self._input_tokens = input_tokens(inputs, text_inputs(inputs.names))
        self.request: Final = GenerationRequest(
            operation=a.OPERATION_TEXT_COMPLETION,
            model=origin.name,
            sequences=self._rows,
            attributes=self._request_attributes(origin, inputs),
            input_tokens=self._input_tokens,
        )

    @classmethod
    def of(cls, origin: PredictorOrigin, inputs: ProgramValues) -> "ExportedGeneration | None":
        """Read a run before it happens; ``None`` when its ids are no rows of integers: it is no generation then."""
        if TOKEN_IDS not in inputs.names or not _is_ids(inputs, inputs.names.index(TOKEN_IDS)):
            return None
        return cls(origin, inputs)

    def failed(self) -> GenerationResponse:
        """Describe a run that raised."""
        return GenerationResponse(self._input_tokens)

    def response(self, outputs: ProgramValues) -> GenerationResponse:
        """Describe a run that returned.

        A program that is given one row ends with that row, so each id it gives counts. Of several rows the shorter
        ones are filled up with padding, which nobody can tell from text here: their counts are unknown.

        Args:
            outputs: Its outputs.

        Returns:
            What is known. The finish reason is ``length`` when as many ids came as were asked for (one that would
            have ended the answer just then cannot be told), ``stop`` when fewer came, unknown when nobody knows how
            many were asked for.
        """
        written = self._columns_written(outputs)
        if written is None:
            return GenerationResponse(self._input_tokens)
        counts = (written,) if self._rows == 1 else None
        reasons: tuple[str, ...] | None = None
        if self._limit is not None and written < self._limit:
            reasons = (a.FINISH_STOP,) * self._rows
        elif self._limit == written and self._rows == 1:
            reasons = (a.FINISH_LENGTH,)
        return GenerationResponse(self._input_tokens, counts, reasons)

    def _columns_written(self, outputs: ProgramValues) -> int | None:
        """Return the columns of the new ids, without the prompt where the program repeats it; ``None`` is unknown."""
        index = next((i for i in range(outputs.count) if _is_ids(outputs, i)), None)
        if index is None:
            return None
        rows, columns = (int(extent) for extent in outputs.shape(index))
        if rows != self._rows:
            return None  # several answers to one prompt, say
        return self._without_prompt(outputs, index, columns)

    def _without_prompt(self, outputs: ProgramValues, index: int, columns: int) -> int | None:
        if columns < self._columns:
            return columns
        ids = None if self._prompt is None else outputs.array(index)
        if ids is None:
            return None  # on a device: nobody looks whether the prompt is repeated
        if not bool((ids[:, : self._columns] == self._prompt).all()):
            return columns
        # The prompt and an answer, or an answer that begins like its prompt: only more ids than asked for tell.
        return columns - self._columns if self._limit is not None and columns > self._limit else None

    def _request_attributes(self, origin: PredictorOrigin, inputs: ProgramValues) -> dict[str, AttributeValue]:
        found: dict[str, AttributeValue] = {**origin.attributes, a.PADDLE_BATCH_SIZE: self._rows}
        if origin.device is not None:
            found[a.PADDLE_DEVICE] = origin.device
        if self._limit is not None:
            found[a.GEN_AI_REQUEST_MAX_TOKENS] = self._limit
        for name, (key, kind) in _CHOSEN.items():
            value = _one_value(inputs, name)
            if value is not None:
                found[key] = kind(value)
        return found


def _is_ids(values: ProgramValues, index: int) -> bool:
    return len(values.shape(index)) == ROWS_AND_COLUMNS and values.is_integer(index)


def _new_tokens_asked_for(inputs: ProgramValues) -> int | None:
    # Not max_length: in some exports the prompt is part of it, in others it is not.
    found = [value for value in (_one_value(inputs, name) for name in _NEW_TOKENS) if value is not None]
    return int(found[0]) if found else None


def _one_value(inputs: ProgramValues, name: str) -> Any:
    """Return what an input says for all rows; ``None`` when rows differ or it cannot be read."""
    array = inputs.array(inputs.names.index(name)) if name in inputs.names else None
    if array is None:
        return None
    values: set[Any] = set(array.reshape(-1).tolist())
    return values.pop() if len(values) == 1 else None
