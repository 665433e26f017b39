"""What these tests share: settings read anew, and a context in which nobody has said anything before and after."""

from collections.abc import Callable, Iterator

import pytest
from opentelemetry import context as otel_context

from paddle_otel.identity.configured import forget_configured
from paddle_otel.identity.identifying import forget_misuse

Configure = Callable[..., None]


@pytest.fixture(autouse=True)
def nothing_left() -> Iterator[None]:
    """Each test starts and ends in an empty context, with settings that it has read itself."""
    assert otel_context.get_current() == {}
    forget_configured()
    forget_misuse()
    yield
    forget_configured()
    assert otel_context.get_current() == {}


@pytest.fixture
def configure(monkeypatch: pytest.MonkeyPatch) -> Configure:
    """Sets settings, each by its name without the beginning that all have."""

    def set_all(**settings: str) -> None:
        for name, value in settings.items():
            monkeypatch.setenv(f"PADDLE_OTEL_{name.upper()}", value)
        forget_configured()

    return set_all
