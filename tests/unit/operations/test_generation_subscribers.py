"""Whoever asked is told that a generation ended, as long as it lives; nobody disturbs anybody."""

import gc
from contextvars import ContextVar
from typing import Any

from paddle_otel.identity import Identity
from paddle_otel.operations.generation_subscribers import EndedGeneration, GenerationSubscribers
from racing import race

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
    """The list keeps nobody alive, and forgets who is gone: then there is nobody to measure for."""
    subscribers, told = GenerationSubscribers(), list[Any]()
    for _ in range(10):
        subscribers.add(Listener([]).ended)
    gc.collect()
    assert not subscribers.are_there
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


def test_many_threads_subscribe_at_once() -> None:
    """None is lost, whatever they race with."""
    subscribers, told = GenerationSubscribers(), list[Any]()
    stay = [Listener(told) for _ in range(400)]

    def subscribe(number: int) -> None:
        for listener in stay[number::8]:
            subscribers.add(Listener([]).ended)  # gone at once
            subscribers.add(listener.ended)

    race(subscribe)
    gc.collect()
    subscribers.tell(ENDED)
    assert {id(listener) for listener, _ in told} == {id(listener) for listener in stay}
    assert len(told) == len(stay)


def test_one_that_goes_while_others_are_told() -> None:
    """A finalizer may run at any point; the others are told all the same."""
    subscribers, told = GenerationSubscribers(), list[Any]()

    class Last:
        """Lets go of another one when it is told."""

        def ended(self, generation: EndedGeneration) -> None:
            """Do so."""
            told.append((self, generation))
            others.clear()

    last, stays = Last(), Listener(told)
    others = [Listener(told)]
    subscribers.add(last.ended)
    subscribers.add(others[0].ended)
    subscribers.add(stays.ended)
    subscribers.tell(ENDED)
    assert told == [(last, ENDED), (stays, ENDED)]


def place() -> object:
    """Return where this is."""
    return _place.get()


_place: ContextVar[str | None] = ContextVar("place", default=None)


def test_where_a_generation_begins_is_kept() -> None:
    """What each function tells then; nothing is asked while nobody is there."""
    subscribers = GenerationSubscribers()
    assert dict(subscribers.places()) == {}
    listener = Listener([])
    subscribers.add(listener.ended, place)
    subscribers.add(listener.ended, place)
    token = _place.set("here")
    found = subscribers.places()
    _place.reset(token)
    assert dict(found) == {place: "here"}
    assert dict(subscribers.places()) == {place: None}
    del listener
    gc.collect()
    assert dict(subscribers.places()) == {}
