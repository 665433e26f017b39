"""Decorated functions of every kind: what they are, what they return and raise, and what they report."""

import asyncio
import copy
import inspect
import pickle
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from types import ModuleType
from typing import Any

import pytest
from opentelemetry import trace

from global_sdk import globally, no_sdk
from paddle_otel.operations import observe_generation, observe_prediction, observed_generation
from paddle_otel.operations.generation import current_generation
from recording import Recorder

__all__ = ["globally", "no_sdk"]


@observe_generation("plain")
def plain(prompt: str, *, limit: int = 2) -> str:
    """Generate."""
    for _ in range(limit):
        observed_generation().step()
    observed_generation().finish("length")
    return prompt.upper()


@observe_generation("coroutine")
async def coroutine(prompt: str, *, limit: int = 2) -> str:
    """Generate."""
    for _ in range(limit):
        await asyncio.sleep(0)
        observed_generation().step()
    observed_generation().finish("length")
    return prompt.upper()


@observe_generation("generator")
def generator(prompt: str, *, limit: int = 2) -> Iterator[str]:
    """Generate."""
    yield from prompt[:limit]


@observe_generation("async_generator")
async def async_generator(prompt: str, *, limit: int = 2) -> AsyncIterator[str]:
    """Generate."""
    for letter in prompt[:limit]:
        await asyncio.sleep(0)
        yield letter


async def listed(values: Any) -> list[Any]:
    """Return what an asynchronous generator gives."""
    return [value async for value in values]


KINDS: dict[str, tuple[Any, Callable[[Any], bool]]] = {
    "plain": (plain, inspect.isfunction),
    "coroutine": (coroutine, inspect.iscoroutinefunction),
    "generator": (generator, inspect.isgeneratorfunction),
    "async_generator": (async_generator, inspect.isasyncgenfunction),
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_decorated_function_is_what_it_was(kind: str) -> None:
    """Name, docstring, signature and kind are the function's own; it is pickled and copied as a function is."""
    function, is_of_kind = KINDS[kind]
    assert (function.__name__, function.__qualname__, function.__doc__) == (kind, kind, "Generate.")
    assert function.__module__ == __name__
    assert list(inspect.signature(function).parameters) == ["prompt", "limit"]
    assert inspect.getsource(function).startswith("@observe_generation")
    for other, (_, is_of_other) in KINDS.items():
        assert is_of_other(function) == (other == kind or is_of_other is inspect.isfunction)
    assert is_of_kind(function)
    assert copy.copy(function) is copy.deepcopy(function) is function


@pytest.mark.parametrize("kind", KINDS)
def test_wrong_arguments_raise_where_they_did(globally: Recorder, kind: str) -> None:
    """A call that does not fit raises at once, as without the decorator, and is no generation of a generator."""
    with pytest.raises(TypeError, match="unexpected keyword argument 'wrong'"):
        KINDS[kind][0]("hi", wrong=1)
    assert len(globally.spans()) == (1 if kind == "plain" else 0)


def outcome(kind: str) -> Any:
    """Call one, and return what comes out of it."""
    made = KINDS[kind][0]("hi", limit=2)
    if kind == "coroutine":
        return asyncio.run(made)
    if kind == "async_generator":
        return asyncio.run(listed(made))
    return list(made) if kind == "generator" else made


@pytest.mark.parametrize("kind", KINDS)
def test_a_call_of_each_kind(globally: Recorder, kind: str) -> None:
    """It gives what it gave, and is one generation of two tokens."""
    assert outcome(kind) == (["h", "i"] if "generator" in kind else "HI")
    span = globally.span(f"text_completion {kind}")
    found = dict(span.attributes or {})
    assert found["gen_ai.usage.output_tokens"] == 2
    assert found.get("gen_ai.request.stream") == (True if "generator" in kind else None)
    assert found.get("gen_ai.response.finish_reasons") == (None if "generator" in kind else ("length",))
    assert [child.name for child in globally.children(span)] == ["prefill", "decode"]
    assert current_generation() is None
    assert trace.get_current_span() is trace.INVALID_SPAN


@pytest.mark.usefixtures("no_sdk")
@pytest.mark.parametrize("kind", KINDS)
def test_without_an_sdk_the_very_same_things_are_returned(kind: str) -> None:
    """With nobody to report to, a call returns what the function itself returns."""
    function = KINDS[kind][0]
    made, bare = function("hi"), function.__wrapped__("hi")
    codes = ("cr_code", "gi_code", "ag_code")
    assert type(made) is type(bare)
    assert [getattr(made, code, None) for code in codes] == [getattr(bare, code, None) for code in codes]
    for one in (made, bare):
        if kind == "coroutine":
            one.close()


class Model:
    """A model with decorated methods."""

    name = "model"

    @observe_generation("method")
    def method(self, prompt: str) -> str:
        """Generate."""
        observed_generation().step()
        return f"{self.name} {prompt}"

    @observe_generation("stream")
    def stream(self, prompt: str) -> Iterator[str]:
        """Generate."""
        yield from (self.name, prompt)

    @observe_generation("outer_static")
    @staticmethod
    def outer_static(prompt: str) -> str:
        """Generate."""
        return prompt

    @staticmethod
    @observe_generation("inner_static")
    def inner_static(prompt: str) -> str:
        """Generate."""
        return prompt

    @classmethod
    @observe_generation("class_method")
    def class_method(cls, prompt: str) -> str:
        """Generate."""
        return f"{cls.name} {prompt}"

    @observe_generation("outer_class_method")
    @classmethod
    def outer_class_method(cls, prompt: str) -> Iterator[str]:
        """Generate."""
        yield f"{cls.name} {prompt}"


def test_methods_of_every_kind(globally: Recorder) -> None:
    """Methods, static methods and class methods are observed, on an object and on the class."""
    model = Model()
    assert model.method("a") == Model.method(model, "a") == "model a"
    assert list(model.stream("a")) == ["model", "a"]
    assert model.outer_static("a") == Model.inner_static("a") == "a"
    assert model.class_method("a") == Model.class_method("a") == "model a"
    assert list(Model.outer_class_method("a")) == ["model a"]
    names = [span.name.removeprefix("text_completion ") for span in globally.spans()]
    assert [name for name in names if name not in {"prefill", "decode"}] == [
        *("method", "method", "stream", "outer_static", "inner_static"),
        *("class_method", "class_method", "outer_class_method"),
    ]
    of_class = globally.span("text_completion outer_class_method")
    assert (of_class.attributes or {})["gen_ai.usage.output_tokens"] == 1, "it is a generator"
    assert inspect.isgeneratorfunction(model.stream)
    assert list(inspect.signature(model.method).parameters) == ["prompt"]


def test_methods_are_copied_with_their_object() -> None:
    """A bound method is copied as bound methods are: deeply, with its object."""
    model = Model()
    shallow = copy.copy(model.method)
    deep: dict[str, Any] = copy.deepcopy({"model": model, "method": model.method})
    assert shallow("a") == "model a"
    deep["model"].name = "copied"
    assert deep["method"]("a") == "copied a"
    assert copy.deepcopy(Model.outer_static)("a") == "a"


class RaisedError(Exception):
    """An error of the program's."""


def test_an_error_in_each_kind(globally: Recorder) -> None:
    """The very error leaves the function, once, and its class is reported."""
    error = RaisedError("the prompt")

    @observe_generation("m")
    def fails() -> None:
        raise error

    @observe_generation("m")
    async def fails_later() -> None:
        await asyncio.sleep(0)
        raise error

    @observe_generation("m")
    def fails_between() -> Iterator[int]:
        yield 1
        raise error

    @observe_generation("m")
    async def fails_between_later() -> AsyncIterator[int]:
        yield 1
        raise error

    calls: tuple[Callable[[], Any], ...] = (
        fails,
        lambda: asyncio.run(fails_later()),
        lambda: list(fails_between()),
        lambda: asyncio.run(listed(fails_between_later())),
    )
    for call in calls:
        with pytest.raises(RaisedError) as caught:
            call()
        assert caught.value is error
    spans = globally.spans("text_completion m")
    assert len(spans) == 4
    assert {str((span.attributes or {})["error.type"]) for span in spans} == {f"{__name__}.RaisedError"}


def test_a_coroutine_that_is_closed_is_no_error(globally: Recorder) -> None:
    """A coroutine that nobody awaits further ends without an error."""

    @observe_generation("m")
    async def waits() -> None:
        observed_generation().step()
        await asyncio.sleep(0)
        raise AssertionError

    going = waits()
    going.send(None)
    going.close()
    found = dict(globally.span("text_completion m").attributes or {})
    assert found["gen_ai.usage.output_tokens"] == 1
    assert "error.type" not in found
    assert current_generation() is None


def test_calls_of_one_function_at_once(globally: Recorder) -> None:
    """Each call of a decorated coroutine function is a generation of its own, also while others go on."""

    async def both() -> list[str]:
        return list(await asyncio.gather(coroutine("a", limit=3), coroutine("b", limit=5)))

    assert asyncio.run(both()) == ["A", "B"]
    counts = [
        (span.attributes or {})["gen_ai.usage.output_tokens"] for span in globally.spans("text_completion coroutine")
    ]
    assert sorted(map(int, map(str, counts))) == [3, 5]


def test_recursion_is_one_generation(globally: Recorder) -> None:
    """A decorated function that calls itself, or another decorated one, is one generation."""

    @observe_generation("m")
    def again(times: int) -> int:
        observed_generation().step()
        return again(times - 1) if times else plain("x").count("X")

    assert again(3) == 1
    assert (globally.span("text_completion m").attributes or {})["gen_ai.usage.output_tokens"] == 1
    assert globally.spans("text_completion plain") == []


def test_one_block_object_used_twice_at_once(globally: Recorder, caplog: pytest.LogCaptureFixture) -> None:
    """It is logged, the program goes on, and the one generation lasts until both are left."""
    observer = observe_generation("m")
    for _ in range(2):
        with observer as outer:
            with observer as inner:
                inner.step(5)
            outer.step()
    assert len(globally.spans("text_completion m")) == 2
    assert all((s.attributes or {})["gen_ai.usage.output_tokens"] == 1 for s in globally.spans("text_completion m"))
    (message,) = [record.getMessage() for record in caplog.records]
    assert message.startswith("paddle_otel.operations: observe_generation(...) is entered again before it was left")


@observe_prediction("encoder")
def encode(value: int) -> int:
    """Predict."""
    return value + 1


def test_a_decorated_function_is_pickled_by_name() -> None:
    """As any function, so that it can be handed to another process."""
    namespace: dict[str, Any] = {"__name__": "paddle_otel_test_pickled"}
    module: Any = ModuleType("paddle_otel_test_pickled")
    source = "from paddle_otel.operations import observe_prediction\n@observe_prediction('m')\ndef f(x): return x + 1\n"
    source += "class M:\n    @observe_prediction('m')\n    def f(self, x): return x + 2\n"
    source += "    @observe_prediction('m')\n    @staticmethod\n    def g(x): return x + 3\n"
    exec(source, namespace)  # noqa: S102 - a module of its own, under a name that pickle can import
    for name in "fM":
        setattr(module, name, namespace[name])
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, module.__name__, module)
        loaded = [pickle.loads(pickle.dumps(one)) for one in (module.f, module.M().f, module.M.g)]  # noqa: S301 - our own
    assert loaded[0] is module.f
    assert [function(1) for function in loaded] == [2, 3, 4]
