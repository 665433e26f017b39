"""Wrappers of forward and backward passes."""

import sys
from collections.abc import Callable, Container, Iterable
from typing import Any, Final

from paddle_otel.activity import ACTIVITY, BACKWARD, FORWARD, KINDS
from paddle_otel.guard import guarded
from paddle_otel.patching import Patch


class PassWrapper:
    """Wraps a function that computes a pass.

    Args:
        kind: What it is.
        part_of: Inside these it is a part of them.
    """

    def __init__(self, kind: str, part_of: Container[str | None]) -> None:
        self._kind: Final = kind
        self._part_of: Final = part_of

    def __call__(self, wrapped: Callable[..., Any], _: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Note the outermost call."""
        if not ACTIVITY.is_watched or ACTIVITY.current() in self._part_of or not _computes():
            return wrapped(*args, **kwargs)
        try:
            ACTIVITY.begin(self._kind)  # in here, so that Ctrl-C at this point leaves nothing behind
            return wrapped(*args, **kwargs)
        finally:
            ACTIVITY.end(self._kind)


@guarded("asking Paddle whether it computes")
def _computes() -> bool:
    """Tell whether Paddle computes what is called, and does not write it into a program."""
    paddle: Any = sys.modules["paddle"]  # what is wrapped is part of it
    return bool(paddle.in_dynamic_mode())


def pass_patches() -> Iterable[Patch]:
    """Return the patches."""
    backward = PassWrapper(BACKWARD, (BACKWARD,))
    return (
        Patch("paddle.nn.layer.layers", "Layer.__call__", PassWrapper(FORWARD, KINDS)),
        Patch("paddle", "Tensor.backward", backward),
        Patch("paddle.autograd", "backward", backward),
    )
