"""The table of patches for tokenizers of the libraries' own lineage (PaddleNLP's, and PaddleFormers' legacy ones)."""

from collections.abc import Iterable
from typing import Any, Final

from paddle_otel.conventions import attributes as a
from paddle_otel.patching import Patch
from paddle_otel.pretrained.handlers import Handlers
from paddle_otel.pretrained.load_patches import FromPretrainedWrapper
from paddle_otel.pretrained.tokenizer_patches import ChatTemplateWrapper, DecodeWrapper, EncodeWrapper

_BASE: Final = "PretrainedTokenizerBase"
_MIXIN: Final = "ChatTemplateMixin"


def own_tokenizers(handlers: Handlers, base_module: str, template_module: str) -> list[Patch]:
    """Return the patches of a library's tokenizer classes.

    Args:
        handlers: Where the wrappers report to.
        base_module: The module of ``PretrainedTokenizerBase``.
        template_module: The module of ``ChatTemplateMixin``.
    """
    encode, decode = EncodeWrapper(handlers, accepts_everything), DecodeWrapper(handlers, accepts_everything)
    chat_template = ChatTemplateWrapper(handlers, accepts_everything)
    load = FromPretrainedWrapper(handlers, a.KIND_TOKENIZER)
    return [
        *_methods(base_module, ("__call__", "encode", "encode_plus", "batch_encode"), encode),
        *_methods(base_module, ("decode", "batch_decode"), decode),
        Patch(base_module, f"{_BASE}.from_pretrained", load),
        Patch(template_module, f"{_MIXIN}.apply_chat_template", chat_template),
        Patch(template_module, f"{_MIXIN}.from_pretrained", load),
    ]


def accepts_everything(_: Any) -> bool:
    """Accept every tokenizer: the patched class belongs to the library."""
    return True


def _methods(module: str, names: Iterable[str], wrapper: Any) -> list[Patch]:
    return [Patch(module, f"{_BASE}.{name}", wrapper) for name in names]
