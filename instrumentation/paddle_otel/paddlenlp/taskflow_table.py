"""What is patched for ``paddlenlp.Taskflow``."""

from collections.abc import Iterable

from paddle_otel.patching import Patch
from paddle_otel.pretrained.handlers import Handlers


def taskflow_patches(handlers: Handlers) -> Iterable[Patch]:
    """Return the patches.

    Args:
        handlers: Where the wrappers report to.
    """
    del handlers
    return ()
