"""What a token counter costs: per call of a tracked tokenizer, per logged count, per session."""

import gc
import tracemalloc
from typing import Any, Final

from rows import Row, extra_costs, row

from paddle_otel.monitor.token_counter import TokenCounter

SESSIONS: Final = 1_000_000


class _Tokenizer:
    """A tokenizer that takes no time."""

    padding_side = "right"

    def __init__(self) -> None:
        self._ids = {"input_ids": [7] * 100}

    def __call__(self, _: str, **__: Any) -> Any:
        """Return a hundred ids."""
        return self._ids


def run() -> list[Row]:
    """Time the calls, and fill a counter with a million sessions.

    Returns:
        The rows of the table.
    """
    return [*_calls(), *_sessions()]


def _calls() -> list[Row]:
    tokenizer, counter = _Tokenizer(), TokenCounter()
    tracked = counter.wrap_tokenizer(tokenizer)
    off = TokenCounter(enable=False).wrap_tokenizer(tokenizer)
    in_a_session = counter.session("a")

    def session() -> None:
        with in_a_session:
            tracked("text")

    def plain() -> None:
        tokenizer("text")

    costs = extra_costs(
        plain,
        {
            "tracked call": lambda: tracked("text"),
            "tracked call in a session": session,
            "call with the counter off": lambda: off("text"),
            "log_generated_tokens": lambda: counter.log_generated_tokens(1),
        },
    )
    return [row("counter", f"{name}, median", cost.median, "us", goal=20) for name, cost in costs.items()]


def _sessions() -> list[Row]:
    counter = TokenCounter(max_sessions=SESSIONS)
    gc.collect()
    tracemalloc.start()
    for number in range(SESSIONS):
        with counter.session(f"conversation-{number:020}"):
            counter.log_generated_tokens(1000 + number)
    gc.collect()
    megabytes = tracemalloc.get_traced_memory()[0] / 1e6
    tracemalloc.stop()
    kept = counter.get_statistics().sessions
    return [row("counter", f"memory of {kept:,} sessions", megabytes, "MB", goal=300)]
