"""Real Paddle on CPU: the stack under test, small models, and the instrumentor switched on around a test."""

import importlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import pytest

import stacks
from library.asked_in_threads import Service
from library.expected import Prompts, held_by, rows_of
from paddle_process import (
    WARNINGS_OF_PADDLE,
    WARNINGS_OF_PROGRAMS,
    crashes_are_told,
    let_pass,
    nothing_stays_current,
)
from recording import Recorder

STACK: Final = stacks.current()

# Folders whose tests make sense in one stack, or with one library, only.
_OWN_FOLDERS: Final = (f"only_{STACK.name}", f"only_{STACK.library}")
collect_ignore: list[str] = [
    folder.name for folder in Path(__file__).parent.glob("only_*") if folder.name not in _OWN_FOLDERS
]

__all__ = ["nothing_stays_current"]

# Anything else that is warned about fails a test.
_WARNINGS: Final = (
    *WARNINGS_OF_PADDLE,
    *WARNINGS_OF_PROGRAMS,
    "ignore:.pydantic.config.Extra. is deprecated:DeprecationWarning",
    "ignore:(?s).*paddle.incubate.nn.functional.swiglu",
)


def pytest_configure(config: pytest.Config) -> None:
    """Let pass what the libraries themselves warn about."""
    let_pass(config, _WARNINGS)


@pytest.fixture(scope="session")
def stack() -> stacks.Stack:
    """The stack under test."""
    return STACK


@pytest.fixture(scope="session", autouse=True)
def untouched() -> dict[type, dict[str, Any]]:
    """What the patched classes held before anything was ever patched, by class."""
    return {kind: held_by(kind) for kind in STACK.patched_classes()}


@pytest.fixture(scope="session")
def paddle(untouched: dict[type, dict[str, Any]], pytestconfig: pytest.Config) -> Iterator[Any]:
    """Paddle, imported together with the library."""
    assert untouched
    paddle = importlib.import_module("paddle")
    with crashes_are_told(paddle, pytestconfig):
        yield paddle


@pytest.fixture(autouse=True)
def gradients_stay_on(paddle: Any) -> Iterator[None]:
    """Switch gradients on again: ``paddle.no_grad`` as a decorator leaves them off when a function calls itself.

    ``generate`` is such a function. A later test would take its training for inference.
    """
    yield
    paddle.set_grad_enabled(True)


@pytest.fixture(scope="session")
def model_of(paddle: Any) -> Callable[[str], Any]:
    """Returns the one small model of a kind; tests do not change it."""
    models: dict[str, Any] = {}

    def model(kind: str) -> Any:
        assert paddle
        if kind not in models:
            models[kind] = STACK.model(kind)
        return models[kind]

    return model


@pytest.fixture(scope="session")
def llama(model_of: Callable[[str], Any]) -> Any:
    """A small Llama, which every stack has."""
    return model_of("llama")


@pytest.fixture(scope="session")
def prompts(paddle: Any) -> Prompts:
    """Two prompts of different lengths, padded on the left."""
    return Prompts(paddle)


@pytest.fixture(scope="session")
def continuation(llama: Any, prompts: Prompts) -> list[list[int]]:
    """The eight tokens that the small Llama writes after each of the prompts when nothing ends them."""
    ids, _ = llama.generate(**prompts.both, max_new_tokens=8, eos_token_id=None)
    return rows_of(ids)


@pytest.fixture(params=sorted(STACK.tokenizers))
def tokenizer_kind(request: pytest.FixtureRequest) -> str:
    """Each kind of tokenizer that the stack has."""
    return str(request.param)


@pytest.fixture
def observed(stack: stacks.Stack, recorder: Recorder, paddle: Any) -> Iterator[Recorder]:
    """The SDK in memory that the instrumentor reports to while the test runs."""
    assert paddle
    instrumentor = stack.new_instrumentor()
    instrumentor.instrument(**recorder.providers)
    yield recorder
    instrumentor.uninstrument()


@pytest.fixture
def tokenizer(observed: Recorder, stack: stacks.Stack, tokenizer_kind: str, tmp_path: Path) -> Any:
    """A tokenizer of each kind, made while the instrumentor is on; its own loading is forgotten."""
    made = stack.tokenizer(tokenizer_kind, tmp_path)
    observed.clear_spans()
    return made


@pytest.fixture
def service(observed: Recorder, stack: stacks.Stack, llama: Any, tokenizer: Any) -> Service:
    """A service that streams."""
    return Service(observed, llama, lambda: stack.module("generation").TextIteratorStreamer(tokenizer, timeout=60))
