"""The sums of a token counter: in all, per session and per request. Thread-safe and bounded."""

import threading
from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager
from typing import Any, Final, Literal, NamedTuple

from paddle_otel.forking import call_in_forked_child
from paddle_otel.monitor.token_counter_statistics import TokenStatistics
from paddle_otel.monitor.token_counter_thresholds import Call, Scope, Thresholds

Note = Literal["encode_calls", "uncounted_calls", "followed_generations", "logged_tokens_not_counted"]
"""What is counted besides tokens, as :class:`TokenStatistics` names it."""


class Tokens(NamedTuple):
    """Tokens of one session, of one request or of all.

    Attributes:
        input: Tokens that text became.
        output: Tokens that were generated.
    """

    input: int = 0
    output: int = 0

    @property
    def total(self) -> int:
        """Both together."""
        return self.input + self.output

    def to_dict(self) -> dict[str, int]:
        """Return them by name, as JSON can take them."""
        return {"input_tokens": self.input, "output_tokens": self.output, "total_tokens": self.total}

    def plus(self, other: "Tokens") -> "Tokens":
        """Return the sum."""
        return Tokens(self.input + other.input, self.output + other.output)


NO_TOKENS: Final = Tokens()


class NamedTokens:
    """Tokens by name, of the names that were used last; what older ones had is kept as one sum.

    Args:
        maximum: How many names are kept.
    """

    def __init__(self, maximum: int) -> None:
        self._maximum = maximum
        self._by_name: OrderedDict[str, Tokens] = OrderedDict()
        self.evicted = NO_TOKENS
        self.evicted_names = 0

    def add(self, name: str, tokens: Tokens) -> Tokens:
        """Add to what a name has, and return what it had before."""
        before = self._by_name.get(name, NO_TOKENS)
        self._by_name[name] = before.plus(tokens)
        self._by_name.move_to_end(name)
        if len(self._by_name) > self._maximum:
            _, gone = self._by_name.popitem(last=False)
            self.evicted = self.evicted.plus(gone)
            self.evicted_names += 1
        return before

    def of(self, name: str) -> Tokens:
        """Return what a name has: nothing when it was never used, or was forgotten."""
        return self._by_name.get(name, NO_TOKENS)

    def to_dict(self, total: Tokens) -> dict[str, Any]:
        """Return everything by name; the three parts add up to the total.

        Args:
            total: All tokens, also those without a name.
        """
        named = self.evicted
        for tokens in self._by_name.values():
            named = named.plus(tokens)
        return {
            "named": {name: tokens.to_dict() for name, tokens in self._by_name.items()},
            "evicted": self.evicted.to_dict(),
            "unnamed": Tokens(total.input - named.input, total.output - named.output).to_dict(),
        }

    def __len__(self) -> int:
        return len(self._by_name)


class TokenLedger:
    """Adds up tokens.

    A forked child begins with nothing: its parent reports what it counted itself. A signal handler or a finalizer that
    counts in the middle of an addition is taken in its turn, right after it.

    Args:
        maximum_sessions: How many sessions are told apart.
        maximum_requests: How many requests are told apart.
        thresholds: What to look out for.
    """

    def __init__(self, maximum_sessions: int, maximum_requests: int, thresholds: Thresholds) -> None:
        self._maxima: Final[dict[Scope, int]] = {"session": maximum_sessions, "request": maximum_requests}
        self._thresholds = thresholds
        self._begin_anew()
        call_in_forked_child(self._begin_anew)

    def _begin_anew(self) -> None:
        self._lock = threading.RLock()
        self._is_busy = False
        self._changes: deque[Callable[[], Iterable[Call]]] = deque()
        self._empty()

    def _empty(self) -> tuple[Call, ...]:
        self._total = NO_TOKENS
        self._named: dict[Scope, NamedTokens] = {scope: NamedTokens(most) for scope, most in self._maxima.items()}
        self._notes: Counter[Note] = Counter()
        return ()

    def clear(self) -> None:
        """Forget everything."""
        self._change(self._empty)

    def add(self, tokens: Tokens, session: str | None, request: str | None, note: Note | None = None) -> None:
        """Add tokens, and call what is due then.

        Args:
            tokens: How many.
            session: The session they belong to, if any.
            request: The request, if any.
            note: What else to count by one.
        """
        self._change(lambda: self._add(tokens, session, request, note))

    def note(self, note: Note, count: int = 1) -> None:
        """Add to what is counted besides tokens."""
        self._change(lambda: self._note(note, count))

    def total(self) -> Tokens:
        """Return all tokens."""
        return self._total

    def of(self, scope: Scope, name: str) -> Tokens:
        """Return the tokens of a session or a request."""
        with self._lock:
            return self._named[scope].of(name)

    def statistics(self) -> TokenStatistics:
        """Return what there is, as of one moment."""
        with self._undisturbed():
            sessions, requests, notes = self._named["session"], self._named["request"], self._notes
            return TokenStatistics(
                **self._total.to_dict(),
                encode_calls=notes["encode_calls"],
                uncounted_calls=notes["uncounted_calls"],
                followed_generations=notes["followed_generations"],
                logged_tokens_not_counted=notes["logged_tokens_not_counted"],
                sessions=len(sessions),
                evicted_sessions=sessions.evicted_names,
                requests=len(requests),
                evicted_requests=requests.evicted_names,
            )

    def to_dict(self) -> dict[str, Any]:
        """Return everything by name, as of one moment and as JSON can take it."""
        with self._undisturbed():
            return {
                **self.statistics().to_dict(),
                "by_session": self._named["session"].to_dict(self._total),
                "by_request": self._named["request"].to_dict(self._total),
            }

    def _add(self, tokens: Tokens, session: str | None, request: str | None, note: Note | None) -> list[Call]:
        if note is not None:
            self._note(note, 1)
        before, self._total = self._total, self._total.plus(tokens)
        due = self._thresholds.crossed("total", None, before.total, tokens.total)
        if session is not None:
            before = self._named["session"].add(session, tokens)
            due += self._thresholds.crossed("session", session, before.total, tokens.total)
        if request is not None:
            before = self._named["request"].add(request, tokens)
            due += self._thresholds.crossed("request", request, before.total, tokens.total)
        return due

    def _note(self, note: Note, count: int) -> tuple[Call, ...]:
        self._notes[note] += count
        return ()

    def _change(self, change: Callable[[], Iterable[Call]]) -> None:
        for call in self._make_changes(change):  # without the lock: what is called may count, ask and wait
            call.make()

    def _make_changes(self, *changes: Callable[[], Iterable[Call]]) -> list[Call]:
        due: list[Call] = []
        with self._lock:
            self._changes += changes
            while self._changes and not self._is_busy:
                self._is_busy = True
                try:
                    if self._changes:  # a signal handler may just have made it
                        due += self._changes.popleft()()
                finally:
                    self._is_busy = False
        return due

    @contextmanager
    def _undisturbed(self) -> Generator[None, None, None]:
        with self._lock:
            was_busy, self._is_busy = self._is_busy, True
            try:
                yield
            finally:
                self._is_busy = was_busy
        for call in self._make_changes():
            call.make()
