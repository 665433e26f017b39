"""Stands in for ``paddlenlp.transformers.tokenizer_utils`` and PaddleFormers' legacy copy of it."""

import importlib
from typing import Any

from stubs.tokenizer_base import TokenizerBase

_base: Any = importlib.import_module(f"{__name__}_base")


class ChatTemplateMixin:
    """Renders conversations."""

    apply_chat_template = TokenizerBase.apply_chat_template

    @classmethod
    def from_pretrained(cls, pretrained_model_name_or_path: Any, **kwargs: Any) -> Any:
        """Load the tokenizer, then its template: a load inside a load."""
        return super().from_pretrained(pretrained_model_name_or_path, **kwargs)  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType, reportUnknownVariableType] - a mixin's


class StubTokenizer(ChatTemplateMixin, _base.PretrainedTokenizerBase):  # pyright: ignore[reportUntypedBaseClass] - made at run time
    """A tokenizer of the library."""
