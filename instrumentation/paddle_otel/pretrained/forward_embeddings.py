"""Which calls make embeddings: only those whose class or method is made for nothing else.

A bare encoder (``BertModel``) is a prediction: whether its caller pools it into an embedding cannot be seen.
"""

from collections.abc import Callable, Iterable
from contextvars import ContextVar
from typing import Any, Final

from paddle_otel.patching import Patch
from paddle_otel.pretrained.forward_patches import ForwardWrapper, for_embeddings
from paddle_otel.pretrained.handlers import Handlers

# Methods that return embeddings and run the model they belong to, by module of {library}.transformers. The first group
# pools one vector per text; the others project text, pictures and sound into one space of vectors.
_METHODS: Final = (
    ("qwen2", "Qwen2SentenceEmbedding", ("encode",)),
    ("qwen3", "Qwen3SentenceEmbedding", ("encode",)),
    ("nv_embed", "NVEncodeModel", ("encode", "m_forward")),
    ("clip", "CLIPModel", ("get_text_features", "get_image_features")),
    ("chineseclip", "ChineseCLIPModel", ("get_text_features", "get_image_features")),
    ("clipseg", "CLIPSegModel", ("get_text_features", "get_image_features")),
    ("ernie_vil", "ErnieViLModel", ("get_text_features", "get_image_features")),
    ("blip", "BlipModel", ("get_text_features", "get_image_features")),
    ("clap", "ClapModel", ("get_text_features", "get_audio_features")),
)

# Methods that return embeddings and call another pretrained model for them, once or in batches.
_METHODS_AROUND_A_MODEL: Final = (
    ("llm_embed", "BiEncoderModel", ("encode", "encode_sentences")),
    ("semantic_search", "ErnieDualEncoder", ("get_pooled_embedding",)),
)


class EmbeddingsAroundWrapper:
    """Wraps a method that makes embeddings with the models it calls: each of their forwards is one ``embeddings``.

    Args:
        handlers: Where it reports to.
    """

    def __init__(self, handlers: Handlers) -> None:
        self._handlers = handlers
        self._for_embeddings: ContextVar[bool] = for_embeddings()

    def __call__(self, wrapped: Callable[..., Any], _: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Say what the forwards inside this call are for."""
        if self._handlers.telemetry.is_idle():
            return wrapped(*args, **kwargs)
        token = self._for_embeddings.set(True)
        try:
            return wrapped(*args, **kwargs)
        finally:
            self._for_embeddings.reset(token)


def embedding_patches(handlers: Handlers, library: str) -> Iterable[Patch]:
    """Return the patches of methods that make embeddings; what a library does not have is left out.

    Args:
        handlers: Where the wrappers report to.
        library: ``paddlenlp`` or ``paddleformers``.
    """
    around = EmbeddingsAroundWrapper(handlers)
    for folder, owner, methods in _METHODS:
        for method in methods:
            wrapper = ForwardWrapper(handlers, method, embeddings=True)
            yield Patch(_module(library, folder), f"{owner}.{method}", wrapper)
    for folder, owner, methods in _METHODS_AROUND_A_MODEL:
        for method in methods:
            yield Patch(_module(library, folder), f"{owner}.{method}", around)


def _module(library: str, folder: str) -> str:
    return f"{library}.transformers.{folder}.modeling"
