"""What a generation must report, computed from plain lists of ids by the tests themselves."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

from opentelemetry.sdk.trace import ReadableSpan

from recording import Recorder

Rows = Sequence[Sequence[int]]

TIMINGS: Final = frozenset(
    {
        "paddle.time_to_first_token",
        "paddle.time_per_output_token",
        "gen_ai.response.time_to_first_chunk",
        "paddle.tokenize.duration",
    }
)
CACHE_SIZE: Final = "paddle.kv_cache.size"
PREDICTED_CACHE_SIZE: Final = "paddle.kv_cache.predicted_size"


class Prompts:
    """Two prompts of five and three tokens, padded on the left with the id 0.

    Args:
        paddle: The imported module.
    """

    ids: Final = ((1, 5, 6, 7, 8), (0, 0, 1, 9, 3))
    mask: Final = ((1, 1, 1, 1, 1), (0, 0, 1, 1, 1))
    tokens: Final = 8
    columns: Final = 5

    def __init__(self, paddle: Any) -> None:
        self._paddle = paddle

    @property
    def both(self) -> dict[str, Any]:
        """Both, as new tensors."""
        return self.tensors(self.ids, self.mask)

    @property
    def first(self) -> dict[str, Any]:
        """The first alone, which needs no padding."""
        return self.tensors(self.ids[:1], self.mask[:1])

    def tensors(self, ids: Rows, mask: Rows | None = None) -> dict[str, Any]:
        """Return keyword arguments for ``generate``."""
        arguments = {"input_ids": self._paddle.to_tensor([list(row) for row in ids])}
        if mask is not None:
            arguments["attention_mask"] = self._paddle.to_tensor([list(row) for row in mask])
        return arguments


def held_by(owner: Any) -> dict[str, Any]:
    """Return what an object or a class itself holds, by name."""
    return dict(owner.__dict__)


def rows_of(ids: Any) -> list[list[int]]:
    """Return a tensor of ids as lists."""
    rows: list[list[int]] = ids.tolist()
    return rows


def an_end(rows: Rows) -> int:
    """Return an id that ends one of the rows neither at its first nor at its last token."""
    for row in rows:
        for column in range(1, len(row) - 1):
            if row[column] not in row[:column]:
                return row[column]
    raise AssertionError(f"every row repeats its first token: {rows}")


def output_tokens(row: Sequence[int], ends: Collection[int]) -> int:
    """Count a row's tokens through the first one that ends it."""
    count = 0
    for token in row:
        count += 1
        if token in ends:
            break
    return count


def finish_reason(row: Sequence[int], ends: Collection[int], limit: int) -> str:
    """Tell why a row ended: an end token, the limit, or something that stopped it before both."""
    return "length" if not set(row) & set(ends) and len(row) >= limit else "stop"


def expected_attributes(
    rows: Rows, ends: Collection[int], limit: int, input_tokens: int, **more: Any
) -> dict[str, Any]:
    """Return the attributes of a greedy generation that was not named, timings and cache left out.

    Args:
        rows: What was generated, without the prompt.
        ends: The ids that end a row.
        limit: The largest number of new tokens.
        input_tokens: Tokens of all prompts.
        more: Attributes that differ, ``.`` written as ``__``; ``None`` leaves one out.
    """
    attributes: dict[str, Any] = {
        "gen_ai.operation.name": "text_completion",
        "gen_ai.provider.name": "paddlepaddle",
        "gen_ai.request.max_tokens": limit,
        "gen_ai.response.finish_reasons": tuple(finish_reason(row, ends, limit) for row in rows),
        "gen_ai.usage.input_tokens": input_tokens,
        "gen_ai.usage.output_tokens": sum(output_tokens(row, ends) for row in rows),
        "paddle.batch_size": len(rows),
        "paddle.decode_strategy": "greedy_search",
        "paddle.device": "cpu",
        "paddle.dtype": "float32",
        "paddle.sequences.output_tokens": tuple(output_tokens(row, ends) for row in rows),
    }
    attributes.update({key.replace("__", "."): value for key, value in more.items()})
    return {key: value for key, value in attributes.items() if value is not None}


def typed(attributes: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return attributes with the types of their values, so that ``1``, ``1.0`` and ``True`` differ."""
    return {key: (_type(value), value) for key, value in (attributes or {}).items()}


def _type(value: Any) -> str:
    if isinstance(value, tuple):
        return f"tuple of {sorted({_type(item) for item in value})}"  # pyright: ignore[reportUnknownVariableType]
    return type(value).__name__


def facts(span: ReadableSpan) -> dict[str, Any]:
    """Return a generation's attributes without timings and cache sizes, each with its type."""
    left_out = {*TIMINGS, CACHE_SIZE, PREDICTED_CACHE_SIZE}
    return typed({key: value for key, value in attributes_of(span).items() if key not in left_out})


def attributes_of(span: ReadableSpan) -> dict[str, Any]:
    """Return a span's attributes."""
    return dict(span.attributes or {})


def seconds(span: ReadableSpan) -> float:
    """Return a span's duration."""
    assert span.end_time is not None
    assert span.start_time is not None
    return (span.end_time - span.start_time) / 1e9


def generations(recorder: Recorder) -> list[ReadableSpan]:
    """Return the spans of generations, in the order they ended."""
    return [span for span in recorder.spans() if "gen_ai.operation.name" in attributes_of(span)]


def generation(recorder: Recorder) -> ReadableSpan:
    """Return the one span of a generation."""
    found = generations(recorder)
    assert len(found) == 1, [span.name for span in recorder.spans()]
    return found[0]
