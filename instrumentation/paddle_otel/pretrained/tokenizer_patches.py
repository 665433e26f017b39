"""Wrappers of tokenizers."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar, NamedTuple, cast

from paddle_otel.conventions import attributes as a
from paddle_otel.guard import guard
from paddle_otel.operations.prompts import Prompt
from paddle_otel.operations.tokenizer_call import Direction, Timer, inside_tokenizer_call
from paddle_otel.operations.tokenizer_size import (
    EncodedSize,
    asks_for_padding,
    decoded_tokens,
    encoded_size,
    padding_of,
)
from paddle_otel.pretrained.handlers import Handlers


class TokenizerWrapper(ABC):
    """What encoding and decoding have in common: only the outermost call on a tokenizer of the library counts.

    Args:
        handlers: Where it reports to.
        accepts: Tells the library's tokenizers from others that share the patched class.
    """

    _direction: ClassVar[Direction]

    def __init__(self, handlers: Handlers, accepts: Callable[[Any], bool]) -> None:
        self._handlers = handlers
        self._accepts = accepts
        self._inside = inside_tokenizer_call()

    def __call__(
        self, wrapped: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        """Observe a call; calls inside it are part of it."""
        if self._inside.get() or not self._accepts(instance) or self._handlers.telemetry.is_idle():
            return wrapped(*args, **kwargs)
        token = self._inside.set(True)
        timer = Timer()
        try:
            result = wrapped(*args, **kwargs)
        except BaseException as error:
            timer.stop()
            self._handlers.tokenizers.record(type(instance).__name__, self._direction, timer, error=error)
            raise
        finally:
            self._inside.reset(token)
        timer.stop()
        with guard("counting the tokens of a tokenizer call"):
            self._observe(_Call(instance, args, kwargs, timer), result)
        return result

    @abstractmethod
    def _observe(self, call: "_Call", result: Any) -> None:
        """Count and record a call that returned."""

    def _record_tokens(self, call: "_Call", tokens: int | None) -> None:
        self._handlers.tokenizers.record(type(call.tokenizer).__name__, self._direction, call.timer, tokens)


class _Call(NamedTuple):
    tokenizer: Any
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    timer: Timer


class EncodeWrapper(TokenizerWrapper):
    """Wraps ``__call__``, ``encode`` and their batch variants: text becomes ids."""

    _direction: ClassVar[Direction] = a.DIRECTION_ENCODE
    _templates = False

    def _observe(self, call: _Call, result: Any) -> None:
        padded = asks_for_padding(call.args, call.kwargs)
        size = encoded_size(result, padding_of(call.tokenizer) if padded else None)
        if size is not None:
            self._record(call, result, size)
        elif self._templates:
            self._remember_templated(result)

    def _record(self, call: _Call, result: Any, size: EncodedSize) -> None:
        self._record_tokens(call, size.tokens)
        templated = self._templates or self._is_templated(call.args[0] if call.args else call.kwargs.get("text"))
        prompt = Prompt(templated, call.timer.seconds, size.rows, size.columns, size.tokens)
        self._handlers.prompts.remember_ids(result, size.ids, prompt)

    def _remember_templated(self, result: Any) -> None:
        for text in _texts(result):
            self._handlers.prompts.remember_templated_text(text)

    def _is_templated(self, text: Any) -> bool:
        texts = _texts(text)
        return bool(texts) and all(map(self._handlers.prompts.is_templated_text, texts))


class ChatTemplateWrapper(EncodeWrapper):
    """Wraps ``apply_chat_template``: text that it renders, and ids that it makes, are a chat's prompt."""

    _templates = True


class DecodeWrapper(TokenizerWrapper):
    """Wraps ``decode`` and ``batch_decode``: ids become text."""

    _direction: ClassVar[Direction] = a.DIRECTION_DECODE

    def _observe(self, call: _Call, result: Any) -> None:  # noqa: ARG002 - the text is not looked at
        ids = call.args[0] if call.args else call.kwargs.get("token_ids", call.kwargs.get("sequences"))
        self._record_tokens(call, decoded_tokens(ids, padding_of(call.tokenizer)))


def _texts(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    if not isinstance(value, (list, tuple)):
        return []
    items = cast("list[Any]", value)
    return [item for item in items if isinstance(item, str)] if all(isinstance(i, str) for i in items) else []
