"""Who else is told that a generation ended, besides its span and its metrics."""

import weakref
from collections.abc import Callable
from typing import Final, NamedTuple

from paddle_otel.guard import guard
from paddle_otel.identity import Identity


class EndedGeneration(NamedTuple):
    """What is told of a generation that ended, in the thread or task that ended it; ``None`` is unknown.

    Attributes:
        identity: Who asked.
        model: Name of the model.
        input_tokens: Prompt tokens, padding excluded.
        output_tokens: Tokens of all sequences together, as ``paddle.tokens`` counts them.
        error: ``error.type`` of a failure, ``None`` for success.
    """

    identity: Identity
    model: str | None
    input_tokens: int | None
    output_tokens: int | None
    error: str | None


Subscriber = Callable[[EndedGeneration], None]


class GenerationSubscribers:
    """A list of bound methods; an object that nobody else holds is told no longer."""

    def __init__(self) -> None:
        self._methods: tuple[weakref.WeakMethod[Subscriber], ...] = ()

    def add(self, method: Subscriber) -> None:
        """Tell a bound method of every generation that ends from now on.

        Args:
            method: What it raises is logged once and goes no further.
        """
        self._methods = (*(known for known in self._methods if known() is not None), weakref.WeakMethod(method))

    def tell(self, ended: EndedGeneration) -> None:
        """Tell everybody."""
        for known in self._methods:
            method = known()
            if method is not None:
                with guard("telling that a generation ended"):
                    method(ended)

    @property
    def are_there(self) -> bool:
        """Whether there is anybody to tell."""
        return bool(self._methods)


GENERATION_SUBSCRIBERS: Final = GenerationSubscribers()
"""Those of this process."""
