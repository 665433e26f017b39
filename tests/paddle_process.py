"""What all tests with real Paddle have in common: the warnings of Paddle itself, and no span that stays current."""

import faulthandler
import os
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Final

import pytest
from opentelemetry import context, trace
from opentelemetry.context import Context

# What Paddle warns about at its import; anything else fails a test.
WARNINGS_OF_PADDLE: Final = (
    "ignore:No ccache found:UserWarning",
    "ignore:Setuptools is replacing distutils:UserWarning",
    "ignore:pkg_resources is deprecated as an API:UserWarning",
    "ignore:The distutils package is deprecated:DeprecationWarning",
    "ignore:invalid escape sequence:DeprecationWarning",
    "ignore:invalid escape sequence:SyntaxWarning",
)
# And in its own calls.
WARNINGS_OF_PROGRAMS: Final = (
    "ignore:The Op.(feed|fetch). is not support to set device:UserWarning",
    "ignore:The Attr.force_cpu. of Op.fill_constant. will be deprecated:UserWarning",
)


def let_pass(config: pytest.Config, warnings: Iterable[str]) -> None:
    """Let pass what the libraries themselves warn about."""
    for line in warnings:
        config.addinivalue_line("filterwarnings", line)


@contextmanager
def crashes_are_told(paddle: Any, config: pytest.Config) -> Generator[None, None, None]:
    """Have Python's lines written to the terminal where Paddle crashes.

    Paddle's own handlers write to where pytest keeps the output of a test, which is lost with the process.
    """
    paddle.disable_signal_handler()
    capture: Any = config.pluginmanager.getplugin("capturemanager")
    with capture.global_and_fixture_disabled():
        terminal = os.dup(2)
    faulthandler.disable()
    faulthandler.enable(terminal)
    yield
    faulthandler.disable()
    os.close(terminal)


@pytest.fixture(autouse=True)
def nothing_stays_current() -> Iterator[None]:
    """Fail every test that leaves a span current: later spans would become its children."""
    yield
    left = trace.get_current_span()
    context.attach(Context())  # only the guilty test fails
    assert left is trace.INVALID_SPAN, f"{left} is still current"
