"""What is patched for ``paddle.static``: inference programs run by an executor."""

from collections.abc import Iterable

from paddle_otel.inference.handlers import InferenceHandlers
from paddle_otel.patching import Patch


def static_patches(handlers: InferenceHandlers) -> Iterable[Patch]:
    """Return the patches.

    Args:
        handlers: Where the wrappers report to.
    """
    del handlers
    return ()
