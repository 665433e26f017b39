"""What is patched for ``paddle.jit``: layers that were loaded from a program."""

from collections.abc import Iterable

from paddle_otel.inference.handlers import InferenceHandlers
from paddle_otel.patching import Patch


def jit_patches(handlers: InferenceHandlers) -> Iterable[Patch]:
    """Return the patches.

    Args:
        handlers: Where the wrappers report to.
    """
    del handlers
    return ()
