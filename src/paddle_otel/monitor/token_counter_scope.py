"""One session or request of a token counter, as the program holds it."""

from types import TracebackType

from paddle_otel.monitor.token_counter_context import close_scope, open_scope
from paddle_otel.monitor.token_counter_counting import TokenCounting
from paddle_otel.monitor.token_counter_ledger import Tokens
from paddle_otel.monitor.token_counter_thresholds import Scope


class TokenScope:
    """A session or a request: a ``with`` block whose tokens are its own, and what they add up to.

    The same object, or another one of the same name, may be entered again, also inside itself and in several threads
    and tasks at once. Inside another session the inner one counts; after it, the outer one again. A thread that the
    block starts is outside unless it is given a copy of the context (``asyncio`` does that for its tasks and for
    ``asyncio.to_thread``).

    Args:
        counting: Where it is counted.
        scope: ``session`` or ``request``.
        name: Its name.
    """

    __slots__ = ("_counting", "_scope", "name")

    def __init__(self, counting: TokenCounting, scope: Scope, name: str) -> None:
        self._counting = counting
        self._scope: Scope = scope
        self.name = name

    def __enter__(self) -> "TokenScope":  # noqa: PYI034 - typing.Self came with Python 3.11
        """Count what follows for it."""
        open_scope(self._counting.key, self._scope, self.name)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Count what follows for the one around it."""
        close_scope(self._counting.key, self._scope, self.name)

    def get_total_count(self) -> int:
        """Return its tokens; 0 also for one that was not used for so long that it is no longer told apart."""
        return self._tokens.total

    def get_input_count(self) -> int:
        """Return the tokens that text became."""
        return self._tokens.input

    def get_output_count(self) -> int:
        """Return the tokens that were generated."""
        return self._tokens.output

    def to_dict(self) -> dict[str, int]:
        """Return its counts by name, as JSON can take them."""
        return self._tokens.to_dict()

    @property
    def _tokens(self) -> Tokens:
        return self._counting.ledger.of(self._scope, self.name)

    def __repr__(self) -> str:
        return f"<{self._scope} {self.name!r}: {self.get_total_count()} tokens>"
