"""Counts the calls of a tracked tokenizer: what the user's call returns is looked at, and handed on as it is."""

from collections.abc import Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Final, Literal, Protocol, cast

from paddle_otel.guard import guard
from paddle_otel.operations.tokenizer_size import (
    EncodedSize,
    asks_for_padding,
    decoded_tokens,
    encoded_size,
    padding_of,
)

Direction = Literal["encode", "decode"]
ENCODE: Final = "encode"
DECODE: Final = "decode"
_IDS: Final = ("token_ids", "sequences", "ids", "tokens", "batch", "input")
"""What ``decode`` and its variants call the ids that they are given, in the packages that have them."""

# The counters whose tracked calls this code is inside of: their inner calls are part of the outermost one.
_inside: Final[ContextVar[tuple[str, ...]]] = ContextVar("paddle_otel_inside_tracked_calls", default=())


class CountsTokens(Protocol):
    """What is told about tracked calls."""

    @property
    def key(self) -> str:
        """Tells it from others in this process."""
        ...

    def count_encoded(self, tokens: int | None, /) -> None:
        """A call made so many ids of text, ``None`` when they cannot be counted."""
        ...

    def count_decoded(self, tokens: int | None, /) -> None:
        """A call made text of so many ids, ``None`` when they cannot be counted."""
        ...


@dataclass(frozen=True)
class TokenizerCalls:
    """The calls of one tracked tokenizer.

    Attributes:
        counter: What is told about them.
        decoded: Whether ids that become text are counted.
    """

    counter: CountsTokens
    decoded: bool

    def call(
        self,
        direction: Direction,
        tokenizer: Any,
        function: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> Any:
        """Call a method of the tokenizer and count it; a call inside another one is part of that one."""
        inside, key = _inside.get(), self.counter.key
        if key in inside:
            return function(*args, **kwargs)
        token = _inside.set((*inside, key))
        try:
            result = function(*args, **kwargs)
        finally:
            _inside.reset(token)
        with guard("counting the tokens of a tracked tokenizer"):
            if direction == ENCODE:
                self._count_encoded(tokenizer, args, kwargs, result)
            elif self.decoded:
                self.counter.count_decoded(decoded_tokens(_ids_given(args, kwargs), padding_of(tokenizer)))
        return result

    def _count_encoded(self, tokenizer: Any, args: tuple[Any, ...], kwargs: dict[str, Any], result: Any) -> None:
        if _is_text(result):
            return  # a rendered chat template
        size = _size(result, tokenizer, args, kwargs)
        self.counter.count_encoded(None if size is None else _tokens(size, result))


def _size(result: Any, tokenizer: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> EncodedSize | None:
    result, has_mask = _plain(result)
    if hasattr(tokenizer, "padding_side"):
        # Of a library whose tokenizers pad when they are asked to, as the instrumentors count them.
        return encoded_size(result, padding_of(tokenizer) if asks_for_padding(args, kwargs) else None)
    # Anything else may pad by itself, and its mask tells.
    return encoded_size(result, padding_of(tokenizer) if has_mask or asks_for_padding((), kwargs) else None)


def _plain(result: Any) -> tuple[Any, bool]:
    """Return a result in a form that can be measured, and whether it has an attention mask."""
    if hasattr(result, "keys"):
        return result, cast("Mapping[str, Any]", result).get("attention_mask") is not None
    if _is_encoding(result):
        return {"input_ids": result.ids, "attention_mask": result.attention_mask}, True
    if not isinstance(result, (list, tuple)):
        return result, False
    items: list[Any] = list(cast("list[Any]", result))
    if not items or not _is_encoding(items[0]):
        return items, False
    found = {"input_ids": [item.ids for item in items], "attention_mask": [item.attention_mask for item in items]}
    return found, True


def _tokens(size: EncodedSize, result: Any) -> int | None:
    if size.tokens is not None:
        return size.tokens
    # On a device nothing is read, but fast tokenizers keep what they made before it became a tensor.
    found = getattr(result, "encodings", None)
    encodings = cast("list[Any]", found) if isinstance(found, list) else []
    if len(encodings) != size.rows or not all(map(_is_encoding, encodings)):
        return None
    return sum(sum(encoding.attention_mask) for encoding in encodings)


def _is_encoding(value: Any) -> bool:
    # Of the package tokenizers, on its own or inside the libraries' fast tokenizers.
    return isinstance(getattr(value, "ids", None), list) and hasattr(value, "attention_mask")


def _is_text(result: Any) -> bool:
    if isinstance(result, (list, tuple)):
        items = cast("list[Any]", result)
        return bool(items) and all(map(_is_text, items))
    return isinstance(result, str)


def _ids_given(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    return args[0] if args else next((kwargs[name] for name in _IDS if name in kwargs), None)
