"""A tracked tokenizer is used as the original is: same class, attributes, special methods, copies; same results."""

import copy
import functools
import gc
import inspect
import operator
import pickle
import weakref
from collections.abc import Callable, Iterable, Iterator, Sized
from typing import Any

import pytest

from paddle_otel.monitor.token_counter import TokenCounter
from stubs.tokenizer_base import TokenizerBase


class Mixin:
    """A second base."""


class Tokenizer(Mixin, TokenizerBase):
    """A tokenizer with what Python gives classes to offer."""

    made = 0
    flavour = "of the class"

    def __init__(self) -> None:
        type(self).made += 1
        self.special = ["[PAD]"]

    @property
    def loud(self) -> str:
        """A property that can be set."""
        return "".join(self.special)

    @loud.setter
    def loud(self, value: str) -> None:
        self.special = [value]

    @property
    def failing(self) -> str:
        """A property that raises."""
        raise RuntimeError("no vocabulary")

    def __len__(self) -> int:
        return len(self.special)

    def __iter__(self) -> Iterator[str]:
        return iter(self.special)

    def __contains__(self, item: object) -> bool:
        return item in self.special

    def __getitem__(self, index: int) -> str:
        return self.special[index]

    def __setitem__(self, index: int, value: str) -> None:
        self.special[index] = value

    def __str__(self) -> str:
        return "words"

    def __repr__(self) -> str:
        return "Tokenizer()"

    def __getattr__(self, name: str) -> str:
        if name.endswith("_token"):
            return f"[{name}]"
        raise AttributeError(f"no {name} here")

    def __enter__(self) -> str:
        return "entered"

    def __exit__(self, *_: object) -> None:
        self.special.append("left")


@pytest.fixture
def counter() -> TokenCounter:
    """A new one."""
    return TokenCounter()


@pytest.fixture
def tokenizer() -> Tokenizer:
    """A new one."""
    return Tokenizer()


@pytest.fixture
def tracked(counter: TokenCounter, tokenizer: Tokenizer) -> Tokenizer:
    """It, tracked."""
    return counter.wrap_tokenizer(tokenizer)


def test_it_is_of_every_class_that_the_original_is(tracked: Tokenizer) -> None:
    """And of abstract ones, by what it offers; it is not made again for that."""
    kinds: list[Any] = [Tokenizer, Mixin, TokenizerBase, object, Sized, Iterable, Callable]
    for kind in kinds:
        assert isinstance(tracked, kind)
    assert not isinstance(tracked, (str, dict))
    assert tracked.__class__ is Tokenizer
    assert (type(tracked).__name__, type(tracked).__module__) == ("Tokenizer", __name__)
    assert tracked.__doc__ == Tokenizer.__doc__ == type(tracked).__doc__
    assert Tokenizer not in type(tracked).__mro__
    assert not any(type(tracked) is kind for kind in TokenizerBase.__subclasses__() + Mixin.__subclasses__())


def test_it_offers_no_special_method_that_the_original_lacks(counter: TokenCounter) -> None:
    """``iter``, ``len`` and the like fail as they do on the original."""
    plain: Any = TokenizerBase()
    tracked = counter.wrap_tokenizer(plain)
    assert not isinstance(tracked, (Iterable, Sized))
    assert bool(tracked)
    asks: list[Callable[[Any], Any]] = [len, iter, next, lambda it: it[0], lambda it: 1 in it]
    for ask in asks:
        with pytest.raises(TypeError) as alone:
            ask(plain)
        with pytest.raises(TypeError) as with_us:
            ask(tracked)
        assert str(with_us.value) == str(alone.value)


def test_special_methods_are_the_originals(tracked: Tokenizer, tokenizer: Tokenizer) -> None:
    """Length, iteration, items, text, truth, context manager, listing."""
    assert (len(tracked), list(tracked), "[PAD]" in tracked, tracked[0]) == (1, ["[PAD]"], True, "[PAD]")
    tracked[0] = "[X]"
    assert tokenizer.special == ["[X]"]
    assert (repr(tracked), str(tracked), f"{tracked}", f"{tracked!r}") == (
        "Tokenizer()",
        "words",
        "words",
        "Tokenizer()",
    )
    with tracked as entered:
        assert entered == "entered"
    assert tokenizer.special == ["[X]", "left"]
    assert dir(tracked) == dir(tokenizer)
    assert vars(tracked) is vars(tokenizer)
    tokenizer.special.clear()
    assert not tracked


def test_it_equals_the_original(tracked: Tokenizer, tokenizer: Tokenizer) -> None:
    """And is found where the original was put, whichever way they are compared."""
    assert tracked == tokenizer
    assert tokenizer == tracked
    assert tracked == TokenCounter().wrap_tokenizer(tokenizer)
    assert tracked != Tokenizer()
    assert {tokenizer: 1}[tracked] == {tracked: 1}[tokenizer] == 1
    assert tracked is not tokenizer
    assert operator.ne(tracked, TokenCounter().wrap_tokenizer(tokenizer)) is False


def test_it_equals_what_the_original_says(counter: TokenCounter) -> None:
    """A class may have a rule of its own."""

    class Strict(TokenizerBase):
        def __eq__(self, other: object) -> bool:
            return type(other) is type(self)

        def __hash__(self) -> int:
            return 5

    one, other = counter.wrap_tokenizer(Strict()), counter.wrap_tokenizer(Strict())
    assert one == other
    assert hash(one) == 5
    assert one != counter.wrap_tokenizer(TokenizerBase())


def test_it_can_be_called_only_where_the_original_can(counter: TokenCounter) -> None:
    """Some tokenizers have methods alone."""

    class Encoder:
        def encode(self, text: str) -> list[int]:
            """Return an id per letter."""
            return [1] * len(text)

    encoder: Any = Encoder()
    tracked = counter.wrap_tokenizer(encoder)
    assert not callable(tracked)
    with pytest.raises(AttributeError) as alone:
        encoder.__call__("a")
    with pytest.raises(AttributeError) as with_us:
        tracked.__call__("a")
    assert str(with_us.value) == str(alone.value)
    assert tracked.encode("abc") == [1, 1, 1]
    assert counter.get_total_count() == 3


def test_attributes_are_shared(tracked: Tokenizer, tokenizer: Tokenizer) -> None:
    """Read, written, deleted and added on either, the other has the same; properties work."""
    assert tracked.special is tokenizer.special
    tracked.loud = "set here"
    assert (tokenizer.loud, tokenizer.special) == ("set here", ["set here"])
    tokenizer.loud = "set there"
    assert tracked.loud == "set there"
    tracked.flavour = "of the object"
    assert (tokenizer.flavour, Tokenizer.flavour) == ("of the object", "of the class")
    del tracked.flavour
    assert (tokenizer.flavour, tracked.flavour) == ("of the class", "of the class")
    tracked.pad_token_id = 9
    assert tokenizer.pad_token_id == 9
    assert tracked.sep_token == "[sep_token]"
    assert (hasattr(tracked, "loud"), hasattr(tracked, "quiet")) == (True, False)


FAILING: list[Callable[[Any], Any]] = [
    lambda it: it.missing,
    lambda it: it.failing,
    lambda it: delattr(it, "missing"),
    lambda it: setattr(it, "failing", 1),
    lambda it: it(None),
    lambda it: it.encode(None),
    lambda it: it.encode(),
    lambda it: it.decode(None),
    lambda it: it[99],
]


@pytest.mark.parametrize("use", FAILING)
def test_the_same_exception_comes_out(
    use: Callable[[Any], Any], tracked: Tokenizer, tokenizer: Tokenizer, counter: TokenCounter
) -> None:
    """Of the same type and with the same message; nothing is counted."""
    with pytest.raises(Exception) as alone:  # noqa: PT011 - whatever the original raises
        use(tokenizer)
    with pytest.raises(alone.type) as with_us:
        use(tracked)
    assert (with_us.type, str(with_us.value)) == (alone.type, str(alone.value))
    assert counter.get_statistics() == TokenCounter().get_statistics()


def test_an_interrupt_passes_and_the_next_call_counts(counter: TokenCounter) -> None:
    """``KeyboardInterrupt`` inside a call is not counted and leaves nothing behind."""
    answers = iter([KeyboardInterrupt(), [1, 2, 3]])

    def tokenize(_: str) -> Any:
        answer = next(answers)
        if isinstance(answer, BaseException):
            raise answer
        return answer

    tracked = counter.wrap_tokenizer(tokenize)
    with pytest.raises(KeyboardInterrupt):
        tracked("a")
    assert tracked("a") == [1, 2, 3]
    assert counter.get_total_count() == 3


def test_methods_are_the_originals(tracked: Tokenizer, tokenizer: Tokenizer) -> None:
    """Name, documentation, signature, owner, equality; what counts can be asked all that too."""
    for name in ("encode", "batch_decode", "__call__", "from_pretrained"):
        ours, theirs = getattr(tracked, name), getattr(tokenizer, name)
        assert ours == theirs
        assert theirs == ours
        assert (ours.__name__, ours.__doc__, ours.__self__) == (theirs.__name__, theirs.__doc__, theirs.__self__)
        assert inspect.signature(ours) == inspect.signature(theirs)
        assert inspect.ismethod(ours)
    assert inspect.signature(tracked) == inspect.signature(tokenizer)
    assert isinstance(tracked.from_pretrained("x"), Tokenizer)
    assert copy.copy(tracked.encode)("two words") == [13, 15]


def test_only_outermost_calls_on_it_count(tracked: Tokenizer, tokenizer: Tokenizer, counter: TokenCounter) -> None:
    """Calls on the original do not, nor those that a call makes itself."""
    tokenizer("three short words")
    tokenizer.encode("three short words")
    assert counter.get_total_count() == 0
    tracked(["a", "three short words"], padding=True)
    tracked.apply_chat_template([{"role": "user", "content": "two words"}])
    assert (counter.get_total_count(), counter.get_statistics().encode_calls) == (7, 2)


def test_every_way_to_reach_a_method_counts(tracked: Tokenizer, counter: TokenCounter) -> None:
    """By name, kept for later, partially applied, mapped."""
    encode = tracked.encode
    assert encode("a b") == functools.partial(encode, text="a b")() == tracked.__call__("a b")["input_ids"]
    assert list(map(tracked.encode, ["a b"] * 3)) == [[11, 11]] * 3
    assert counter.get_total_count() == 12


def test_a_method_that_was_replaced_counts(tracked: Any, tokenizer: Any, counter: TokenCounter) -> None:
    """As libraries do on their own objects; attributes that cannot be called are handed out as they are."""

    def encode(text: str) -> list[int]:
        return [len(text)] * 3

    tracked.encode = encode
    assert tokenizer.encode("a") == tracked.encode("a") == [1, 1, 1]
    assert copy.copy(tracked.encode)("a") == copy.deepcopy(tracked.encode)("a") == [1, 1, 1]
    counter.reset()
    tracked.encode("a")
    assert counter.get_total_count() == 3
    del tracked.encode
    assert tracked.encode("a") == [11]
    tokenizer.encode_batch = None
    assert tracked.encode_batch is None


def test_wrapped_twice_it_counts_once(tracked: Tokenizer, counter: TokenCounter) -> None:
    """By the same counter; two counters count it both."""
    assert counter.wrap_tokenizer(tracked) is tracked
    other = TokenCounter()
    both = other.wrap_tokenizer(tracked)
    assert both.encode("two words") == [13, 15]
    assert (counter.get_total_count(), other.get_total_count()) == (2, 2)
    assert counter.wrap_tokenizer(both).encode("two words") == [13, 15]
    assert (counter.get_total_count(), other.get_total_count()) == (4, 4)


def through_pickle(tokenizer: Any) -> Any:
    """Pickle and load."""
    return pickle.loads(pickle.dumps(tokenizer))  # noqa: S301 - its own


MAKE_COPY: list[Callable[[Any], Any]] = [copy.copy, copy.deepcopy, through_pickle]


@pytest.mark.parametrize("make", MAKE_COPY)
def test_a_copy_is_tracked_by_the_same_counter(
    make: Callable[[Any], Any], tracked: Tokenizer, counter: TokenCounter
) -> None:
    """It has what a copy of the original has, and does not share it."""
    made = make(tracked)
    assert isinstance(made, Tokenizer)
    assert made is not tracked
    made.flavour = "of the copy"
    assert tracked.flavour == "of the class"
    assert (made.special == tracked.special, made.special is tracked.special) == (True, make is copy.copy)
    assert made.encode("two words") == [13, 15]
    assert counter.get_total_count() == 2
    assert counter.wrap_tokenizer(made) is made
    method = make(tracked.encode)
    assert method("two words") == [13, 15]
    assert counter.get_total_count() == 4


def test_copies_within_a_structure_stay_one(tracked: Tokenizer, tokenizer: Tokenizer, counter: TokenCounter) -> None:
    """The original and what tracks it are still the same tokenizer in the copy."""
    for copied in (
        copy.deepcopy([tokenizer, tracked, tracked]),
        through_pickle([tokenizer, tracked, tracked]),
    ):
        original, one, two = copied
        assert one is two
        one.flavour = "new"
        assert original.flavour == "new"
        original("a")
        one("a")
    assert counter.get_total_count() == 2


def test_a_state_that_cannot_be_copied_raises_as_the_original_does(counter: TokenCounter) -> None:
    """The same exception."""
    tokenizer = Tokenizer()
    tokenizer.special = [lambda: None]  # pyright: ignore[reportAttributeAccessIssue] - a function cannot be pickled
    with pytest.raises(Exception, match="lambda") as alone:
        pickle.dumps(tokenizer)
    with pytest.raises(Exception, match="lambda") as with_us:
        pickle.dumps(counter.wrap_tokenizer(tokenizer))
    assert with_us.type is alone.type


def test_nothing_is_made_or_ended_by_tracking(counter: TokenCounter) -> None:
    """No second object of the class is made, and the original ends once."""
    ended: list[int] = []

    class Ending(TokenizerBase):
        made = 0

        def __init__(self) -> None:
            type(self).made += 1

        def __del__(self) -> None:
            ended.append(id(self))

    tokenizer = Ending()
    key = id(tokenizer)
    tracked = counter.wrap_tokenizer(tokenizer)
    assert Ending.made == 1
    del tokenizer
    assert tracked.encode("a") == [11]
    assert ended == []
    del tracked
    assert ended == [key]


def test_a_class_that_the_program_drops_is_not_kept(counter: TokenCounter) -> None:
    """Programs make tokenizer classes on the fly; so do the libraries."""

    def use() -> "weakref.ref[type]":
        class Passing(Tokenizer):
            def __call__(self, text: Any, *_: Any, **__: Any) -> Any:
                return [len(text)]

        tracked = counter.wrap_tokenizer(Passing())
        assert (tracked("ab"), tracked.encode("ab"), len(tracked)) == ([2], [12], 1)
        return weakref.ref(Passing)

    kind = use()
    gc.collect()
    assert kind() is None


def double(text: str, *, by: int = 2) -> list[int]:
    """A tokenizer of the simplest kind."""
    return [len(text)] * by


def test_a_function_is_a_tokenizer(counter: TokenCounter) -> None:
    """It stays a function for all that ask, pickles by its name, and counts."""
    tracked = counter.wrap_tokenizer(double)
    assert (tracked("ab"), tracked("ab", by=3)) == ([2, 2], [2, 2, 2])
    assert inspect.isfunction(tracked)
    assert (tracked.__name__, inspect.signature(tracked)) == ("double", inspect.signature(double))
    assert tracked == double
    assert through_pickle(tracked)("ab") == [2, 2]
    assert counter.get_total_count() == 7


def test_a_function_that_is_a_method_is_bound_and_counts(counter: TokenCounter) -> None:
    """A class attribute that was wrapped works as the function would; a tokenizer there stays what it is."""

    def words(self: Any, text: str) -> list[int]:
        return [len(word) + self.more for word in text.split()]

    class Program:
        more = 5
        tokenize = counter.wrap_tokenizer(words)
        tokenizer = counter.wrap_tokenizer(TokenizerBase())

    assert Program().tokenize("two words") == [8, 10]
    assert Program().tokenizer.encode("two words") == [13, 15]
    assert counter.get_total_count() == 4


def test_a_function_that_calls_itself_counts_once(counter: TokenCounter) -> None:
    """Through what tracks it; also in another thread's or counter's call it is a call of its own."""
    tracked: Any = None

    def parts(text: str) -> list[int]:
        return [1, *tracked(text[1:])] if text else []

    tracked = counter.wrap_tokenizer(parts)
    assert tracked("abc") == [1, 1, 1]
    assert (counter.get_total_count(), counter.get_statistics().encode_calls) == (3, 1)


@pytest.mark.parametrize("what", [None, 5, "text", b"text", ["a"], object()])
def test_what_is_no_tokenizer_raises(what: Any, counter: TokenCounter) -> None:
    """At once, not at its first use."""
    with pytest.raises(
        TypeError, match=rf"^wrap_tokenizer takes a tokenizer or a function, not {type(what).__name__}$"
    ):
        counter.wrap_tokenizer(what)
    with pytest.raises(TypeError, match=r"^wrap_tokenizer takes a tokenizer, not the class Tokenizer: make one first$"):
        counter.wrap_tokenizer(Tokenizer)


def test_a_bug_in_counting_does_not_reach_the_program(
    tracked: Tokenizer, counter: TokenCounter, telemetry_trouble: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Results arrive, also of calls that follow."""
    telemetry_trouble.expected = True

    def broken(*_: Any) -> None:
        raise RuntimeError

    monkeypatch.setattr("paddle_otel.monitor.tracked_tokenizer_calls.encoded_size", broken)
    monkeypatch.setattr("paddle_otel.monitor.tracked_tokenizer_calls.decoded_tokens", broken)
    both = counter.wrap_tokenizer(Tokenizer(), count_decoded=True)
    assert (tracked.encode("a"), both.encode("a"), both.decode([11])) == ([11], [11], "x")
    assert len(telemetry_trouble.sites) == 3
    monkeypatch.undo()
    assert tracked.encode("a") == [11]
    assert counter.get_total_count() == 1
