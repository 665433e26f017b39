"""Stands in for the tokenizer base classes of all three libraries: a token per word."""

from collections import UserDict
from typing import Any

from stubs.tensors import StubTensor


class BatchEncoding(UserDict[str, Any]):
    """What encoding returns."""


class TokenizerBase:
    """Turns each word into its length plus ten."""

    pad_token_id: Any = 0
    eos_token_id: Any = 2

    @classmethod
    def from_pretrained(cls, pretrained_model_name_or_path: Any, **_: Any) -> Any:
        """Load a tokenizer."""
        if pretrained_model_name_or_path == "missing":
            raise OSError("no such tokenizer")
        return cls()

    def __call__(
        self, text: Any, text_pair: Any = None, padding: Any = False, return_tensors: Any = None, **kwargs: Any
    ) -> Any:
        """Encode one text or several; calls the other methods, as the libraries do."""
        if isinstance(text, list):
            return self.batch_encode(text, padding=padding, return_tensors=return_tensors, **kwargs)
        ids = self.encode(text, text_pair)
        return BatchEncoding(input_ids=StubTensor([ids]) if return_tensors else ids)

    def encode(self, text: Any, text_pair: Any = None, **_: Any) -> list[int]:
        """Encode one text."""
        if text is None:
            raise ValueError("the user's text is missing")
        return [10 + len(word) for part in (text, text_pair) if part for word in part.split()]

    def encode_plus(self, text: Any, **kwargs: Any) -> Any:
        """Encode one text into a mapping."""
        return BatchEncoding(input_ids=self.encode(text, **kwargs))

    def batch_encode(self, texts: Any, padding: Any = False, return_tensors: Any = None, **_: Any) -> Any:
        """Encode several texts, filled up on the right where asked."""
        rows = [self.encode(text) for text in texts]
        width = max(map(len, rows)) if padding or return_tensors else 0
        padded = [row + [self.pad_token_id] * (width - len(row)) for row in rows]
        mask = [[1] * len(row) + [0] * (width - len(row)) for row in rows]
        pack = StubTensor if return_tensors else list
        return BatchEncoding(input_ids=pack(padded), attention_mask=pack(mask))

    def decode(self, token_ids: Any, **_: Any) -> str:
        """Decode one sequence."""
        if token_ids is None:
            raise ValueError("the user's ids are missing")
        return " ".join("x" * (int(token) - 10) for token in token_ids if token > 10)

    def batch_decode(self, sequences: Any, **kwargs: Any) -> list[str]:
        """Decode several sequences; calls ``decode`` for each."""
        return [self.decode(sequence, **kwargs) for sequence in sequences]

    def apply_chat_template(self, conversation: Any, tokenize: bool = True, **kwargs: Any) -> Any:
        """Render one conversation, or several, and encode what was rendered."""
        several = isinstance(conversation[0], list)
        conversations: list[Any] = conversation if several else [conversation]
        texts = [" ".join(f"<{turn['role']}> {turn['content']}" for turn in turns) for turns in conversations]
        rendered = texts if several else texts[0]
        return self(rendered, **kwargs) if tokenize else rendered
