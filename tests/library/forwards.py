"""Watches the forward passes of a real model from outside: how many there were and what they left in the cache."""

import math
import time
from collections.abc import Iterator
from types import TracebackType
from typing import Any, Final, cast

from typing_extensions import Self

_CERTAIN: Final = 1e4


class Forwards:
    """Counts a model's forward passes while the ``with`` statement runs.

    Args:
        model: The model.
        end: An id that the model is made to choose, in every row, from a certain pass on.
        at: The number of that pass, from 1; ``None`` lets the model choose.

    Attributes:
        times: When each pass was done, in nanoseconds since 1970.
        cache_bytes: Bytes of the keys and values that the last pass returned; 0 when it returned none.
    """

    def __init__(self, model: Any, end: int = 0, at: int | None = None) -> None:
        self._model = model
        self._end = end
        self._at = at
        self.times: list[int] = []
        self.cache_bytes = 0

    @property
    def count(self) -> int:
        """Passes so far."""
        return len(self.times)

    def __enter__(self) -> Self:
        """Begin to watch."""
        self._hook = self._model.register_forward_post_hook(self._after)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        """Leave the model as it was."""
        self._hook.remove()

    def _after(self, _: Any, __: Any, output: Any) -> None:
        self.times.append(time.time_ns())
        self.cache_bytes = sum(math.prod(tensor.shape) * tensor.element_size() for tensor in _cached(output))
        if self._at is not None and self.count >= self._at:
            _logits(output)[:, -1, self._end] = _CERTAIN


def _logits(output: Any) -> Any:
    if isinstance(output, tuple):
        return cast("Any", output[0])
    return getattr(output, "logits", output)


def _cached(output: Any) -> list[Any]:
    if isinstance(output, tuple):
        return list(_tensors(cast("tuple[Any, ...]", output)[1])) if len(cast("tuple[Any, ...]", output)) > 1 else []
    return list(_tensors(getattr(output, "past_key_values", None)))


def _tensors(held: Any) -> Iterator[Any]:
    """Yield the tensors of nested tuples, or of a cache with layers."""
    if hasattr(held, "layers"):
        for layer in held.layers:
            yield from (layer.keys, layer.values)
    elif isinstance(held, (list, tuple)):
        for part in cast("tuple[Any, ...]", held):
            yield from _tensors(part)
    elif hasattr(held, "element_size"):
        yield held
