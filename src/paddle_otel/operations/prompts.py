"""Remembers which prompts were made by a chat template and how long their tokenizer call took.

A ``generate`` call only gets ids. To name it ``chat`` and to tell its tokenizer's time, they must be recognised:

1. by identity, when the very object that a tokenizer returned is passed on (kept by weak reference);
2. by the encoding that holds it, when the tokenizer turned the lists of an encoding into tensors after it was seen;
3. otherwise by shape, when it has the rows and columns of the tokenizer call that came immediately before it in the
   same context (thread or task) and that no other generation has claimed.

Texts are remembered by hash only.
"""

import threading
from collections import OrderedDict
from contextlib import suppress
from contextvars import ContextVar
from typing import Any, Final, NamedTuple

from paddle_otel.forking import call_in_forked_child
from paddle_otel.weak_identity import WeakIdentityMap

MAXIMUM_TEXTS: Final = 4096
"""Chat-template results that are remembered until they are tokenized; the oldest are forgotten first."""

MAXIMUM_HELD: Final = 256
"""Tensors and encodings that are recognised while somebody holds them: enough for the requests under way, and a search
through all of them stays short where a program keeps every encoding of a data set."""


class Prompt(NamedTuple):
    """How a prompt was made.

    Attributes:
        templated: Whether every text of it came from a chat template.
        tokenize_seconds: Duration of the tokenizer call.
        rows: Number of prompts.
        columns: Their (padded, or longest) length in tokens.
        tokens: Their tokens without padding, ``None`` when not known.
    """

    templated: bool
    tokenize_seconds: float
    rows: int
    columns: int
    tokens: int | None = None


class PromptLedger:
    """Where tokenizer calls leave what generations look up. Bounded, thread-safe, holds no text and no tensor."""

    def __init__(self) -> None:
        self._latest: ContextVar[Prompt | None] = ContextVar("paddle_otel_latest_prompt", default=None)
        self._reset()
        call_in_forked_child(self._reset)

    def _reset(self) -> None:
        self._lock = threading.Lock()
        self._templated: OrderedDict[int, None] = OrderedDict()
        self._by_identity: WeakIdentityMap[Prompt] = WeakIdentityMap(MAXIMUM_HELD)
        self._by_encoding: WeakIdentityMap[Prompt] = WeakIdentityMap(MAXIMUM_HELD)

    def remember_templated_text(self, text: str) -> None:
        """Note that a chat template produced this text."""
        with self._lock:
            self._templated[hash(text)] = None
            if len(self._templated) > MAXIMUM_TEXTS:
                self._templated.popitem(last=False)

    def is_templated_text(self, text: str) -> bool:
        """Tell whether a chat template produced this text."""
        return hash(text) in self._templated

    def remember_ids(self, encoding: Any, ids: Any, prompt: Prompt) -> None:
        """Note how these ids were made.

        Args:
            encoding: What the tokenizer returned: a mapping that holds the ids, or the ids themselves.
            ids: A tensor or array (recognised by identity) or lists.
            prompt: How they were made.
        """
        self._latest.set(prompt)
        with self._lock:
            if not isinstance(ids, list):
                _keep(self._by_identity, ids, prompt)
            elif encoding is not ids and type(encoding) is not dict:
                _keep(self._by_encoding, encoding, prompt)

    def claim(self, ids: Any, rows: int | None, columns: int | None) -> Prompt | None:
        """Return how these ids were made, ``None`` when that is not known.

        Args:
            ids: What a generation was given.
            rows: Their number of rows.
            columns: Their number of columns.
        """
        latest = self._latest.get()
        self._latest.set(None)
        made = self.made(ids)
        if made is not None:
            return made
        return latest if latest is not None and (latest.rows, latest.columns) == (rows, columns) else None

    def made(self, ids: Any) -> Prompt | None:
        """Return how these very ids were made, ``None`` when that is not known; others may ask again.

        Args:
            ids: What a model was given.
        """
        if ids is None:
            return None
        return self._by_identity.get(ids) or self._of_encoding(ids)

    def _of_encoding(self, ids: Any) -> Prompt | None:
        # Only encodings that somebody still holds are here: those of the requests under way.
        for encoding, prompt in self._by_encoding.newest_first():
            if encoding.get("input_ids") is ids:
                return prompt
        return None


def _keep(prompts: WeakIdentityMap[Prompt], owner: object, prompt: Prompt) -> None:
    with suppress(TypeError):  # some types cannot be weakly referenced
        prompts.keep(owner, prompt)
