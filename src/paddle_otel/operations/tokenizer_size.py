"""Counts the tokens of tokenizer results and arguments, padding excluded."""

from collections.abc import Mapping, Sequence
from numbers import Integral
from typing import Any, Final, NamedTuple, cast

from paddle_otel.operations.tensors import array_of, is_list_of_lists, is_on_host, shape_of

_ROWS_AND_COLUMNS: Final = 2
_NO_PADDING: Final = (None, False, "do_not_pad")
# Positional arguments past text and text pair may be padding; their order differs between methods and versions.
_CERTAIN_POSITIONALS: Final = 2


class Padding(NamedTuple):
    """How a tokenizer pads.

    Attributes:
        id: The padding id, ``None`` when there is none.
        is_end: Whether the same id also ends sequences, so that it cannot be told from an end token by its value.
    """

    id: int | None
    is_end: bool


def padding_of(tokenizer: Any) -> Padding:
    """Read a tokenizer's padding."""
    pad_id = getattr(tokenizer, "pad_token_id", None)
    if not isinstance(pad_id, int):
        return Padding(None, is_end=False)
    return Padding(pad_id, is_end=pad_id == getattr(tokenizer, "eos_token_id", None))


def asks_for_padding(args: Sequence[Any], kwargs: Mapping[str, Any]) -> bool:
    """Tell whether a tokenizer was called with arguments that (may) ask for padding."""
    return (
        len(args) > _CERTAIN_POSITIONALS
        or kwargs.get("padding") not in _NO_PADDING
        or bool(kwargs.get("pad_to_max_seq_len"))
        or kwargs.get("pad_to_multiple_of") is not None
    )


class EncodedSize(NamedTuple):
    """How large a tokenizer's result is.

    Attributes:
        ids: The ids, as the tokenizer returned them.
        rows: Number of sequences.
        columns: Length of the longest (padding included).
        tokens: Tokens without padding, ``None`` when that cannot be told without copying from a device.
    """

    ids: Any
    rows: int
    columns: int
    tokens: int | None


def encoded_size(result: Any, padding: Padding | None) -> EncodedSize | None:
    """Measure what a tokenizer returned.

    Args:
        result: A mapping with ``input_ids``, or the ids themselves: a list, a list of lists, an array or a tensor.
        padding: How the tokenizer pads, ``None`` when the call did not ask for padding.

    Returns:
        The size; ``None`` when the result holds no ids (a rendered chat template, say).
    """
    mapping = _as_mapping(result)
    ids = mapping.get("input_ids")
    if padding is None and isinstance(ids, list) and ids and type(cast("list[Any]", ids)[0]) is int:
        count = len(cast("list[Any]", ids))
        return EncodedSize(ids, 1, count, count)  # one text without padding: by far the most frequent
    shape = shape_of(ids)
    if shape is not None:
        return _size_of_array(ids, shape, mapping.get("attention_mask"), padding)
    if not isinstance(ids, list) or _is_text(cast("list[Any]", ids)):
        return None
    return _size_of_list(cast("list[Any]", ids), mapping.get("attention_mask"), padding)


def decoded_tokens(ids: Any, padding: Padding) -> int | None:
    """Count the tokens that are given to a tokenizer to turn into text.

    Rows that ended early are filled up with the padding id, which in many tokenizers is also the end token: of a run of
    it at the end, the first is then the end token and the rest is padding.

    Args:
        ids: An id, a list, a list of lists, an array or a tensor.
        padding: How the tokenizer pads.

    Returns:
        The tokens; ``None`` for what cannot be read without copying from a device.
    """
    if isinstance(ids, int):
        return 1
    if shape_of(ids) is not None:
        if not is_on_host(ids):
            return None
        ids = array_of(ids).tolist()
        if isinstance(ids, int):
            return 1
    if not isinstance(ids, (list, tuple)):
        return None
    rows = cast("list[Any]", ids)
    if rows and not isinstance(rows[0], Integral):  # NumPy's integers are ids, not rows
        counts = [decoded_tokens(row, padding) for row in rows]
        return None if None in counts else sum(count for count in counts if count)
    return _without_trailing_padding(cast("list[int]", rows), padding)


def _without_trailing_padding(row: list[int], padding: Padding) -> int:
    end = len(row)
    while end and row[end - 1] == padding.id:
        end -= 1
    return end + 1 if padding.is_end and end < len(row) else end


def _size_of_array(ids: Any, shape: tuple[int, ...], mask: Any, padding: Padding | None) -> EncodedSize:
    rows, columns = (shape[0], shape[1]) if len(shape) > 1 else (1, shape[0] if shape else 1)
    if padding is None:
        return EncodedSize(ids, rows, columns, rows * columns)
    mask_shape = shape_of(mask)
    if not is_on_host(ids):
        tokens = None
    elif mask_shape is not None and len(mask_shape) <= _ROWS_AND_COLUMNS and is_on_host(mask):
        tokens = int(array_of(mask).astype(bool).sum())
    else:
        tokens = None if _is_ambiguous(padding) else int((array_of(ids) != padding.id).sum())
    return EncodedSize(ids, rows, columns, tokens)


def _size_of_list(ids: list[Any], mask: Any, padding: Padding | None) -> EncodedSize:
    nested = is_list_of_lists(ids)
    rows: list[list[int]] = ids if nested else [ids]
    columns = max((len(row) for row in rows), default=0)
    if padding is None:
        tokens = sum(len(row) for row in rows)
    elif isinstance(mask, list) and _is_flat(masks := cast("list[Any]", mask if nested else [mask])):
        tokens = sum(sum(row) for row in masks)
    else:
        tokens = None if _is_ambiguous(padding) else sum(len(row) - row.count(cast("int", padding.id)) for row in rows)
    return EncodedSize(ids, len(rows), columns, tokens)


def _as_mapping(result: Any) -> Mapping[str, Any]:
    if hasattr(result, "keys"):
        return cast("Mapping[str, Any]", result)
    items = cast("list[Any]", result) if isinstance(result, list) else []
    if not (items and hasattr(items[0], "keys")):
        return {"input_ids": result}
    # One encoding per text (return_dict=False).
    return {name: [encoding.get(name) for encoding in items] for name in ("input_ids", "attention_mask")}


def _is_text(ids: list[Any]) -> bool:
    # Several rendered chat templates.
    return bool(ids) and isinstance(ids[0], str)


def _is_flat(masks: list[Any]) -> bool:
    # Some masks (ChatGLM's) say for each position which others it sees: they have more dimensions and no token count.
    return all(isinstance(row, list) and all(isinstance(item, int) for item in cast("list[Any]", row)) for row in masks)


def _is_ambiguous(padding: Padding) -> bool:
    return padding.id is None or padding.is_end
