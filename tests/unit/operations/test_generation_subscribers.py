"""Whoever asked is told that a generation ended, as long as it lives; nobody disturbs anybody."""

import gc
from typing import Any

from paddle_otel.identity import Identity
from paddle_otel.operations.generation_subscribers import EndedGeneration, GenerationSubscribers

ENDED = EndedGeneration(Identity(), "model", 3, 5, None)


class Listener:
    """Keeps what it is told."""

    def __init__(self, told: list[Any]) -> None:
        self._told = told

    def ended(self, generation: EndedGeneration) -> None:
        """Keep it."""
        self._told.append((self, generation))

    def broken(self, generation: EndedGeneration) -> None:
        """Raise."""
        raise RuntimeError(generation.model)


def test_everybody_is_told_in_order() -> None:
    """Each once, with the same facts."""
    subscribers, told = GenerationSubscribers(), list[Any]()
    first, second = Listener(told), Listener(told)
    assert not subscribers.are_there
    subscribers.add(first.ended)
    subscribers.add(second.ended)
    assert subscribers.are_there
    subscribers.tell(ENDED)
    assert told == [(first, ENDED), (second, ENDED)]


def test_who_is_gone_is_told_no_longer() -> None:
    """The list keeps nobody alive, and forgets at the next one who asks."""
    subscribers, told = GenerationSubscribers(), list[Any]()
    for _ in range(10):
        subscribers.add(Listener([]).ended)
    gc.collect()
    stays = Listener(told)
    subscribers.add(stays.ended)
    assert len(vars(subscribers)["_methods"]) == 1
    subscribers.tell(ENDED)
    assert told == [(stays, ENDED)]


def test_who_raises_does_not_keep_others_from_being_told(telemetry_trouble: Any) -> None:
    """Nor does it reach the generation."""
    telemetry_trouble.expected = True
    subscribers, told = GenerationSubscribers(), list[Any]()
    listener = Listener(told)
    subscribers.add(listener.broken)
    subscribers.add(listener.ended)
    subscribers.tell(ENDED)
    assert told == [(listener, ENDED)]
    assert len(telemetry_trouble.sites) == 1
