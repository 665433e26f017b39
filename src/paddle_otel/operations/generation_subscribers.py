"""Who else is told that a generation ended, besides its span and its metrics."""

import weakref
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

from paddle_otel.guard import attempt, guard
from paddle_otel.identity import Identity

Place = Callable[[], object]
"""A function that tells where in the program this code is, in words of the subscribers that know it."""

Places = Mapping[Place, object]
"""What such functions told."""

_NOWHERE: Final[Places] = MappingProxyType({})


class EndedGeneration(NamedTuple):
    """What is told of a generation that ended, in the thread or task that ended it; ``None`` is unknown.

    Attributes:
        identity: Who asked.
        model: Name of the model.
        input_tokens: Prompt tokens, padding excluded.
        output_tokens: Tokens of all sequences together, as ``paddle.tokens`` counts them.
        error: ``error.type`` of a failure, ``None`` for success.
        begun_at: Where it began: it may end in somebody else's code, as an abandoned stream does where it is collected.
    """

    identity: Identity
    model: str | None
    input_tokens: int | None
    output_tokens: int | None
    error: str | None
    begun_at: Places = _NOWHERE


Subscriber = Callable[[EndedGeneration], None]


class GenerationSubscribers:
    """A list of bound methods; an object that nobody else holds is told no longer.

    Any thread may add one, and a finalizer may end one at any point: each change of a dictionary here is a single step.
    """

    def __init__(self) -> None:
        self._methods: dict[int, weakref.WeakMethod[Subscriber]] = {}
        self._places: dict[Place, None] = {}

    def add(self, method: Subscriber, place: Place | None = None) -> None:
        """Tell a bound method of every generation that ends from now on.

        Args:
            method: What it raises is logged once and goes no further.
            place: A function of a module, called where a generation begins. What it returns is kept until the end.
        """
        if place is not None:
            self._places[place] = None
        known = weakref.WeakMethod(method, self._forget)
        self._methods[id(known)] = known

    def _forget(self, known: "weakref.WeakMethod[Subscriber]") -> None:
        self._methods.pop(id(known), None)

    def places(self) -> Places:
        """Return where a generation begins that begins here: all that subscribers need of it at its end."""
        if not self._methods:
            return _NOWHERE
        return {place: attempt("noting where a generation begins", place) for place in tuple(self._places)}

    def tell(self, ended: EndedGeneration) -> None:
        """Tell everybody."""
        for known in tuple(self._methods.values()):
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
