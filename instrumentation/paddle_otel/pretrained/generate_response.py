"""What is known about a generation after it ran: tokens in and out, and why each sequence ended."""

from typing import Any, Final, cast

from paddle_otel.conventions import attributes as a
from paddle_otel.operations.generation_facts import GenerationResponse
from paddle_otel.operations.tensors import array_of, is_on_host, shape_of
from paddle_otel.pretrained.generate_arguments import GenerateArguments

_ROWS_AND_COLUMNS: Final = 2


def generation_response(
    arguments: GenerateArguments, result: Any, stopped_after: int | None = None
) -> GenerationResponse:
    """Describe what ``generate`` returned.

    Args:
        arguments: The call's arguments.
        result: ``(ids, scores)``, ids of shape ``[rows * choices, new tokens]`` (with the prompt in front when the
            caller set ``trunc_input=False``).
        stopped_after: The step after which a budget ended it, ``None`` where none did.

    Returns:
        Counts and finish reasons; what cannot be told is ``None``.
    """
    ids = _output_ids(arguments, result)
    if ids is None:
        return GenerationResponse(input_tokens=input_tokens(arguments))
    counts, ended = _count(ids, arguments.end_ids)
    if stopped_after is not None:
        # A beam search that is stopped writes an end token behind the beams that had none: no model made that one.
        ended = tuple(end and count <= stopped_after for end, count in zip(ended, counts, strict=True))
        counts = tuple(min(count, stopped_after) for count in counts)
    limit = arguments.max_new_tokens
    # Not the row's length where a budget stopped: the end token that a beam search writes would fill it up.
    made = stopped_after if stopped_after is not None else len(ids[0]) if ids else 0
    full = bool(ids) and limit is not None and made >= limit
    # Neither an end token nor the limit: a budget or a stopping criterion of the caller ended it.
    cut = a.FINISH_STOP if stopped_after is None else a.FINISH_BUDGET
    reasons = tuple(a.FINISH_STOP if end else a.FINISH_LENGTH if full else cut for end in ended)
    return GenerationResponse(input_tokens(arguments), counts, reasons)


def prompt_only_response(arguments: GenerateArguments) -> GenerationResponse:
    """Describe a generation that failed: after an error a device is not read, a prompt in host memory is."""
    return GenerationResponse(input_tokens_on_host(arguments))


def input_tokens_on_host(arguments: GenerateArguments) -> int | None:
    """Count the prompt's tokens, ``None`` where that would copy something from a device."""
    held = [value for value in (arguments.argument("attention_mask"), arguments.input_ids) if value is not None]
    return input_tokens(arguments) if all(map(is_on_host, held)) else None


def input_tokens(arguments: GenerateArguments) -> int | None:
    """Count the prompt's tokens, each prompt once, without padding.

    The attention mask decides where there is a two-dimensional one. Without any the library treats ids equal to the
    padding id as padding unless that id is also the end id, and attends to everything otherwise; so do we.
    """
    mask, ids = arguments.argument("attention_mask"), arguments.input_ids
    mask_shape = shape_of(mask)
    if mask_shape is not None and len(mask_shape) == _ROWS_AND_COLUMNS:
        return int(array_of(mask).astype(bool).sum())
    if ids is None or (mask is None and arguments.library_attends_to_padding):
        return arguments.rows * arguments.columns
    pad = arguments.pad_id
    if mask is not None and (pad is None or pad in arguments.end_ids):
        return None  # nobody knows which of these are padding
    return int((array_of(ids) != pad).sum())


def _output_ids(arguments: GenerateArguments, result: Any) -> list[list[int]] | None:
    ids = cast("Any", result[0] if isinstance(result, tuple) and result else result)
    shape = shape_of(ids)
    if shape is None or len(shape) != _ROWS_AND_COLUMNS:
        return None
    array: Any = array_of(ids)
    if arguments.option("trunc_input") is False:
        array = array[:, arguments.output_offset :]
    return array.tolist()


def _count(rows: list[list[int]], end_ids: frozenset[int]) -> tuple[tuple[int, ...], tuple[bool, ...]]:
    """Count each row through its first end token; also tells which rows have one."""
    counts: list[int] = []
    ended: list[bool] = []
    for row in rows:
        # Plain lists: for the few ids of a usual answer faster than array operations by far, and never slow.
        ends = [row.index(end) + 1 for end in end_ids if end in row]
        counts.append(min(ends, default=len(row)))
        ended.append(bool(ends))
    return tuple(counts), tuple(ended)
