"""Stands in for ``transformers.tokenization_utils_base``."""

from stubs.tokenizer_base import TokenizerBase


class PreTrainedTokenizerBase(TokenizerBase):
    """Defines every method itself, as the library's does."""

    from_pretrained = TokenizerBase.__dict__["from_pretrained"]
    __call__ = TokenizerBase.__call__
    encode = TokenizerBase.encode
    decode = TokenizerBase.decode
    batch_decode = TokenizerBase.batch_decode
    apply_chat_template = TokenizerBase.apply_chat_template
