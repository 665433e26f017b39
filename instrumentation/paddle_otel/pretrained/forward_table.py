"""What is patched for pretrained models that are called as ``model(**inputs)``."""

from collections.abc import Iterable

from paddle_otel.patching import Patch
from paddle_otel.pretrained.handlers import Handlers


def forward_patches(handlers: Handlers, module: str) -> Iterable[Patch]:
    """Return the patches.

    Args:
        handlers: Where the wrappers report to.
        module: The library's module with ``PretrainedModel``.
    """
    del handlers, module
    return ()
