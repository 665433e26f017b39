"""Stands in for ``paddlenlp.transformers.tokenizer_utils_base`` and PaddleFormers' legacy copy of it."""

from stubs.tokenizer_base import TokenizerBase


class PretrainedTokenizerBase(TokenizerBase):
    """Defines every method itself, as the library's does."""

    from_pretrained = TokenizerBase.__dict__["from_pretrained"]
    __call__ = TokenizerBase.__call__
    encode = TokenizerBase.encode
    encode_plus = TokenizerBase.encode_plus
    batch_encode = TokenizerBase.batch_encode
    decode = TokenizerBase.decode
    batch_decode = TokenizerBase.batch_decode
