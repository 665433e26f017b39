"""What is patched for pretrained models that are called as ``model(**inputs)``."""

from collections.abc import Iterable
from typing import Final

from paddle_otel.patching import Patch
from paddle_otel.pretrained.forward_embeddings import embedding_patches
from paddle_otel.pretrained.forward_patches import AdapterWrapper, ForwardWrapper
from paddle_otel.pretrained.handlers import Handlers

# Layers around a pretrained model that call its forward, and so pass its __call__ by.
_ADAPTERS: Final = (
    ("peft.lora.lora_model", "LoRAModel"),
    ("peft.lora.auto_lora_model", "LoRAAutoModel"),
    ("peft.lokr.lokr_model", "LoKrModel"),
    ("peft.vera.vera_model", "VeRAModel"),
)


def forward_patches(handlers: Handlers, module: str) -> Iterable[Patch]:
    """Return the patches.

    ``PretrainedModel`` inherits ``__call__`` from ``paddle.nn.Layer``. The patch sits on ``PretrainedModel`` alone: the
    layers inside a model cost nothing.

    Args:
        handlers: Where the wrappers report to.
        module: The library's module with ``PretrainedModel``.
    """
    library = module.partition(".")[0]
    adapter = AdapterWrapper(handlers)
    return [
        Patch(module, "PretrainedModel.__call__", ForwardWrapper(handlers)),
        *(Patch(f"{library}.{path}", f"{name}.__call__", adapter) for path, name in _ADAPTERS),
        *embedding_patches(handlers, library),
    ]
