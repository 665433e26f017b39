"""Counts tokens in a script or a notebook, with or without OpenTelemetry."""

from collections.abc import Callable
from typing import Any, TypeVar

from paddle_otel.monitor.token_counter_arguments import checked_count, checked_name, checked_scope
from paddle_otel.monitor.token_counter_counting import CountingOptions, TokenCounting
from paddle_otel.monitor.token_counter_scope import TokenScope
from paddle_otel.monitor.token_counter_statistics import TokenStatistics
from paddle_otel.monitor.token_counter_thresholds import Scope, Threshold, ThresholdCrossed
from paddle_otel.monitor.tracked_tokenizer import calls_of, tracked_tokenizer
from paddle_otel.monitor.tracked_tokenizer_calls import TokenizerCalls

_T = TypeVar("_T")


class TokenCounter:
    """Counts what tokenizers read and models write: in all, per session and per request.

    .. code:: python

        counter = TokenCounter()
        tracked = counter.wrap_tokenizer(tokenizer)
        with counter.session("a"):
            inputs = tracked(prompt, return_tensors="pd")
            ids, _ = model.generate(**inputs)
            counter.log_generated_tokens(ids.shape[-1])
        print(counter.get_total_count(), counter.session("a").get_total_count())

    Tokens are counted as the metric ``paddle.tokenizer.tokens`` counts them: special tokens are included, padding is
    not. What a session or request is not named for by a ``with`` block belongs to the one that
    :func:`paddle_otel.identity.identify` names, if any.

    All methods may be called from any thread. Each process counts for itself: a forked or spawned worker, of a
    ``DataLoader`` for instance, begins at 0 and its counts stay with it.

    Args:
        enable: Whether anything is counted; ``False`` makes ``wrap_tokenizer`` return the tokenizer itself.
        max_sessions: How many sessions are told apart. Of more than that, those not used for longest are added up as
            one (``evicted``), and begin at 0 when they are used again; the total stays right.
        max_requests: The same for requests.
        follow_generations: Take the generated tokens from what paddle-otel observes: every ``generate`` of a library
            whose instrumentor is on, with or without an OpenTelemetry SDK. They belong to the session and request that
            were open where the generation began. Then ``log_generated_tokens`` counts only where it says that nobody
            else saw them.

    Raises:
        TypeError: A maximum is no integer.
        ValueError: A maximum is less than 1.
    """

    def __init__(
        self,
        enable: bool = True,
        *,
        max_sessions: int = 100_000,
        max_requests: int = 100_000,
        follow_generations: bool = False,
    ) -> None:
        most_sessions = checked_count(max_sessions, "max_sessions", 1)
        most_requests = checked_count(max_requests, "max_requests", 1)
        self._counting = TokenCounting(CountingOptions(enable, most_sessions, most_requests, follow_generations))

    def wrap_tokenizer(self, tokenizer: _T, *, count_decoded: bool = False) -> _T:
        """Return a tokenizer that counts, usable wherever the given one is; the given one does not count.

        Both are the same tokenizer: what is set or added on one of them, the other one has. Counted are the ids that
        ``__call__``, ``encode``, ``apply_chat_template`` and their variants make of text. ``tokenize``, ``pad`` and
        ``convert_tokens_to_ids`` make none of text and count nothing: see :meth:`log_input_tokens`. Wrapped twice by
        the same counter, it counts once.

        Args:
            tokenizer: A tokenizer of PaddleNLP, PaddleFormers or another package, or any function that turns text into
                ids. An attention mask in its result tells padding; without one, all ids of a foreign tokenizer count.
            count_decoded: Count the ids that ``decode`` and ``batch_decode`` are given as generated tokens. For
                programs that decode each result once: a streamer decodes the same ids again and again.

        Raises:
            TypeError: It is no tokenizer and no function.
            ValueError: ``count_decoded`` on a counter that takes generated tokens from elsewhere.
        """
        if count_decoded and self._counting.options.follow_generations:
            raise ValueError("count_decoded on a counter that follows generations would count them twice")
        calls = calls_of(tokenizer)
        if calls is not None and calls.counter is self._counting:
            return tokenizer
        tracked = tracked_tokenizer(tokenizer, TokenizerCalls(self._counting, count_decoded))
        return tracked if self._counting.options.enabled else tokenizer

    def log_input_tokens(self, count: int) -> None:
        """Count input tokens that no tracked tokenizer made.

        Args:
            count: How many, 0 or more.

        Raises:
            TypeError: It is no integer: ``bool``, ``float``, ``None`` and tensors are none.
            ValueError: It is negative.
        """
        self._counting.count_input(checked_count(count, "the number of tokens"))

    def log_generated_tokens(self, count: int, *, unobserved: bool = False) -> None:
        """Count generated tokens.

        A counter that follows generations has them already. There the call changes no count: it is noted in the
        statistics (``logged_tokens_not_counted``), so that both numbers can be compared. For tokens of a model that
        paddle-otel does not observe say ``unobserved=True``: those count.

        Args:
            count: How many, 0 or more.
            unobserved: Whether nothing else counts them. Makes no difference to a counter that does not follow.

        Raises:
            TypeError: It is no integer: ``bool``, ``float``, ``None`` and tensors are none.
            ValueError: It is negative.
        """
        tokens = checked_count(count, "the number of tokens")
        if unobserved:
            self._counting.count_output(tokens)
        else:
            self._counting.count_logged_output(tokens)

    def session(self, name: str) -> TokenScope:
        """Return a session: ``with counter.session("a"):`` counts for it, ``counter.session("a")`` tells its counts.

        Args:
            name: Any text of 1 to 1024 characters.

        Raises:
            TypeError: It is no string.
            ValueError: It is empty or too long.
        """
        return TokenScope(self._counting, "session", checked_name(name, "session"))

    def request(self, name: str) -> TokenScope:
        """Return a request: the same as a session, and counted besides it.

        Args:
            name: Any text of 1 to 1024 characters.

        Raises:
            TypeError: It is no string.
            ValueError: It is empty or too long.
        """
        return TokenScope(self._counting, "request", checked_name(name, "request"))

    def on_threshold(
        self, limit: int, callback: Callable[[ThresholdCrossed], Any], scope: Scope = "total"
    ) -> Threshold:
        """Call a function when a count reaches a number: once, in the thread that reached it, after counting.

        A count that is there already calls nothing. After :meth:`reset`, and for a session that was forgotten and
        begins at 0, it can be reached again. What the function raises is logged once and does not reach the program.

        Args:
            limit: How many tokens, input and output together, 1 or more.
            callback: Called with a :class:`ThresholdCrossed`; may use the counter.
            scope: ``total``, or ``session`` or ``request`` for each of them.

        Returns:
            The threshold; its ``cancel()`` ends it.

        Raises:
            TypeError: ``limit`` is no integer, or ``callback`` cannot be called.
            ValueError: ``limit`` is less than 1, or ``scope`` is none of the three.
        """
        if not callable(callback):
            raise TypeError(f"callback must be callable, not {type(callback).__name__}")
        return self._counting.thresholds.add(checked_count(limit, "limit", 1), checked_scope(scope), callback)

    def get_total_count(self) -> int:
        """Return all tokens, input and output."""
        return self._counting.ledger.total().total

    def get_input_count(self) -> int:
        """Return the tokens that text became."""
        return self._counting.ledger.total().input

    def get_output_count(self) -> int:
        """Return the tokens that were generated."""
        return self._counting.ledger.total().output

    def get_statistics(self) -> TokenStatistics:
        """Return all counts but those of each session and request."""
        return self._counting.ledger.statistics()

    def to_dict(self) -> dict[str, Any]:
        """Return all counts, also those of each session and request, as JSON can take them."""
        return self._counting.ledger.to_dict()

    def reset(self) -> None:
        """Begin at 0 again. Thresholds stay, and may be reached again."""
        self._counting.ledger.clear()

    def __repr__(self) -> str:
        total = self._counting.ledger.total()
        return f"<TokenCounter: {total.total} tokens, {total.input} in, {total.output} out>"
