"""A tokenizer whose calls are counted, usable wherever the original is."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final, TypeVar, cast

from paddle_otel.monitor.tracked_tokenizer_calls import DECODE, ENCODE, Direction, TokenizerCalls
from paddle_otel.monitor.tracked_tokenizer_proxy import TransparentProxy, inner_of, make_proxy, part_of

_T = TypeVar("_T")

# Methods that make ids of text, and text of ids. ``tokenize``, ``pad`` and ``convert_…`` do neither.
_DIRECTIONS: Final[Mapping[str, Direction]] = MappingProxyType(
    {
        **dict.fromkeys(("__call__", "encode", "encode_plus", "batch_encode", "batch_encode_plus"), ENCODE),
        "apply_chat_template": ENCODE,
        **dict.fromkeys(("decode", "batch_decode"), DECODE),
        # Of the packages tokenizers and tiktoken.
        **dict.fromkeys(("encode_batch", "encode_batch_fast", "encode_ordinary", "encode_ordinary_batch"), ENCODE),
        "decode_batch": DECODE,
        # Of sentencepiece, which has most names twice.
        **dict.fromkeys(("Encode", "Tokenize", "parallel_encode", "ParallelEncode"), ENCODE),
        **dict.fromkeys(("encode_as_ids", "sample_encode_as_ids", "parallel_encode_as_ids"), ENCODE),
        **dict.fromkeys(("EncodeAsIds", "SampleEncodeAsIds", "ParallelEncodeAsIds"), ENCODE),
        **dict.fromkeys(("Decode", "Detokenize", "decode_ids", "DecodeIds"), DECODE),
    }
)


def tracked_tokenizer(tokenizer: _T, calls: TokenizerCalls) -> _T:
    """Return what behaves as the tokenizer does and counts; the tokenizer itself stays as it is.

    Args:
        tokenizer: A tokenizer, or a function that turns text into ids.
        calls: What counts.

    Raises:
        TypeError: It is nothing that turns text into ids.
    """
    if isinstance(tokenizer, type):
        raise TypeError(f"wrap_tokenizer takes a tokenizer, not the class {tokenizer.__name__}: make one first")
    if isinstance(tokenizer, (str, bytes)) or not any(hasattr(tokenizer, name) for name in _DIRECTIONS):
        raise TypeError(f"wrap_tokenizer takes a tokenizer or a function, not {type(tokenizer).__name__}")
    return cast("_T", make_proxy(_TrackedTokenizer, tokenizer, _tracked_calls=calls))


def calls_of(tokenizer: object) -> TokenizerCalls | None:
    """Return what counts the calls of a tracked tokenizer, ``None`` for any other object."""
    return part_of(tokenizer, "_tracked_calls") if issubclass(type(tokenizer), _TrackedTokenizer) else None


class _TrackedTokenizer(TransparentProxy):
    __slots__ = ("_tracked_calls",)

    def _seen(self, name: str, value: Any) -> Any:
        direction = _DIRECTIONS.get(name)
        if direction is None or not callable(value):
            return value
        return make_proxy(_TrackedMethod, value, _tracked_owner=self, _tracked_name=name)

    def _called(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        inner = inner_of(self)
        return part_of(self, "_tracked_calls").call(ENCODE, inner, inner, args, kwargs)

    def _copied(self, inner: Any) -> Any:
        return tracked_tokenizer(inner, part_of(self, "_tracked_calls"))

    def _taken_apart(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return tracked_tokenizer, (inner_of(self), part_of(self, "_tracked_calls"))


class _TrackedMethod(TransparentProxy):
    __slots__ = ("_tracked_name", "_tracked_owner")

    def _called(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        owner = part_of(self, "_tracked_owner")
        direction = _DIRECTIONS[part_of(self, "_tracked_name")]
        return part_of(owner, "_tracked_calls").call(direction, inner_of(owner), inner_of(self), args, kwargs)

    def _copied(self, inner: Any) -> Any:
        # Copying a method copies nothing, copying it deeply copies its object.
        owner, name = part_of(self, "_tracked_owner"), part_of(self, "_tracked_name")
        same = inner == inner_of(self)
        return self if same else getattr(part_of(owner, "_copied")(inner.__self__), name)

    def _taken_apart(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return getattr, (part_of(self, "_tracked_owner"), part_of(self, "_tracked_name"))
