"""What is patched for ``paddle.inference``: predictors and how they are made."""

from collections.abc import Iterable

from paddle_otel.inference.handlers import InferenceHandlers
from paddle_otel.patching import Patch


def predictor_patches(handlers: InferenceHandlers) -> Iterable[Patch]:
    """Return the patches.

    Args:
        handlers: Where the wrappers report to.
    """
    del handlers
    return ()
