"""What counts inside a token counter: told by tracked tokenizers, by generations and by the program."""

import secrets
import weakref
from collections import deque
from collections.abc import Callable
from typing import Any, Final, NamedTuple, cast

from paddle_otel.identity import Identity, current_identity
from paddle_otel.monitor.token_counter_context import Opened, opened_here, opened_name
from paddle_otel.monitor.token_counter_ledger import Note, TokenLedger, Tokens
from paddle_otel.monitor.token_counter_thresholds import Thresholds
from paddle_otel.operations.generation_subscribers import GENERATION_SUBSCRIBERS, EndedGeneration

_Owner = tuple[Identity, Opened | None]
"""Who asked for tokens, and which sessions and requests were open then."""


class CountingOptions(NamedTuple):
    """What a counter is made with; see :class:`~paddle_otel.monitor.token_counter.TokenCounter`.

    Attributes:
        enabled: Whether anything is counted.
        max_sessions: How many sessions are told apart.
        max_requests: How many requests are told apart.
        follow_generations: Whether generated tokens are taken from what is observed.
    """

    enabled: bool
    max_sessions: int
    max_requests: int
    follow_generations: bool


class TokenCounting:
    """Adds tokens to the session and request that they belong to, and calls what is due then.

    Copies, also pickled ones, are this very object, as with a lock or a logger; in another process they are one object
    of that process, which begins at 0.

    Args:
        options: What it is made with.
        key: Tells it from others; a new one unless it is the counterpart of one in another process.
    """

    def __init__(self, options: CountingOptions, key: str | None = None) -> None:
        self.options: Final = options
        self.key: Final = key or secrets.token_hex(8)
        self.thresholds: Final = Thresholds()
        self.ledger: Final = TokenLedger(options.max_sessions, options.max_requests, self.thresholds)
        if options.enabled and options.follow_generations:
            GENERATION_SUBSCRIBERS.add(self.generation_ended, opened_here)

    def count_input(self, tokens: int) -> None:
        """Count tokens that text became."""
        self._add(Tokens(input=tokens))

    def count_output(self, tokens: int) -> None:
        """Count tokens that were generated and that nothing else counts."""
        self._add(Tokens(output=tokens))

    def count_logged_output(self, tokens: int) -> None:
        """Count tokens that were generated, unless they are taken from what is observed."""
        if not self.options.follow_generations:
            self._add(Tokens(output=tokens))
        elif self.options.enabled:
            self.ledger.note("logged_tokens_not_counted", tokens)

    def count_encoded(self, tokens: int | None) -> None:
        """Count a call of a tracked tokenizer that made ids; ``None`` is a number that cannot be known."""
        self._add(Tokens(input=tokens or 0), "encode_calls")
        self._note_if_unknown(tokens)

    def count_decoded(self, tokens: int | None) -> None:
        """Count ids that a tracked tokenizer turned into text."""
        self._add(Tokens(output=tokens or 0))
        self._note_if_unknown(tokens)

    def generation_ended(self, ended: EndedGeneration) -> None:
        """Count the output of a generation that was observed, for those it was begun for, wherever it ended."""
        opened = cast("Opened | None", ended.begun_at.get(opened_here))
        self._add(Tokens(output=ended.output_tokens or 0), "followed_generations", (ended.identity, opened))
        self._note_if_unknown(ended.output_tokens)

    def _add(self, tokens: Tokens, note: Note | None = None, owner: _Owner | None = None) -> None:
        if not self.options.enabled:
            return
        if not tokens.total:  # nothing that a session would have to be told apart for
            self.ledger.add(tokens, None, None, note)
            return
        identity, opened = owner or (current_identity(), opened_here())
        session = opened_name(self.key, "session", opened) or identity.session
        request = opened_name(self.key, "request", opened) or identity.request
        self.ledger.add(tokens, session, request, note)

    def _note_if_unknown(self, tokens: int | None) -> None:
        if tokens is None:
            self.ledger.note("uncounted_calls")

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        _known.setdefault(self.key, self)
        return _counterpart, (self.key, self.options)


MAXIMUM_COUNTERPARTS: Final = 64
"""Counters of other processes that go on while no tokenizer of theirs is here; older ones begin anew."""

# Only those that were copied or pickled.
_known: Final[weakref.WeakValueDictionary[str, TokenCounting]] = weakref.WeakValueDictionary()
# A worker is handed the tokenizer with each task, and drops it after each.
_counterparts: Final[deque[TokenCounting]] = deque(maxlen=MAXIMUM_COUNTERPARTS)


def _counterpart(key: str, options: CountingOptions) -> TokenCounting:
    found = _known.get(key)
    if found is None:
        found = _known.setdefault(key, TokenCounting(options, key))
        _counterparts.append(found)
    return found
