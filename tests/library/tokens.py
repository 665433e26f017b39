"""Counts tokens in what tokenizers return, by looking at every id."""

from collections.abc import Mapping
from typing import Any, cast

import stacks


def flat(ids: Any) -> list[int]:
    """Return the ids of a list, of lists in lists, of an array or of a tensor, one after the other."""
    plain = ids.tolist() if hasattr(ids, "tolist") else ids
    if isinstance(plain, int):
        return [plain]
    return [item for part in cast("list[Any]", plain) for item in flat(part)]


def ids_of(result: Any) -> Any:
    """Return the ids in a tokenizer's result, or the result itself where it is the ids."""
    return cast("Mapping[str, Any]", result)["input_ids"] if hasattr(result, "keys") else result


def tokens_in(result: Any) -> int:
    """Count the ids that are not padding; no text of the tests holds the padding token."""
    return sum(token != stacks.PAD for token in flat(ids_of(result)))


def plain(result: Any) -> Any:
    """Return a tokenizer's result as plain values with the names of their types, for comparison."""
    if hasattr(result, "keys"):
        mapping = cast("Mapping[str, Any]", result)
        return type(result).__name__, {key: plain(value) for key, value in mapping.items()}
    if hasattr(result, "tolist"):
        return type(result).__name__, str(result.dtype), result.tolist()
    return type(result).__name__, result
