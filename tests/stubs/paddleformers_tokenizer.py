"""Stands in for ``paddleformers.transformers.tokenizer_utils``."""

import importlib
from typing import Any

# The program has it, so the library's import brings it along.
_transformers: Any = importlib.import_module("transformers.tokenization_utils_base")
PreTrainedTokenizerBase = _transformers.PreTrainedTokenizerBase


class PaddleTokenizerMixin:
    """What PaddleFormers adds to tokenizers of the ``transformers`` package."""

    def __call__(self, text: Any, *args: Any, **kwargs: Any) -> Any:
        """Encode."""
        return super().__call__(text, *args, **kwargs)  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType, reportUnknownVariableType] - a mixin's

    def apply_chat_template(self, conversation: Any, **kwargs: Any) -> Any:
        """Render, and encode where asked."""
        return super().apply_chat_template(conversation, **kwargs)  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType, reportUnknownVariableType] - a mixin's

    @classmethod
    def from_pretrained(cls, pretrained_model_name_or_path: Any, **kwargs: Any) -> Any:
        """Load."""
        return super().from_pretrained(pretrained_model_name_or_path, **kwargs)  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType, reportUnknownVariableType] - a mixin's


class StubTokenizer(PaddleTokenizerMixin, PreTrainedTokenizerBase):  # pyright: ignore[reportUntypedBaseClass] - made at run time
    """A tokenizer of the library."""


class OtherTokenizer(PreTrainedTokenizerBase):  # pyright: ignore[reportUntypedBaseClass] - made at run time
    """A tokenizer that is not PaddleFormers'."""
