"""Notices what a test leaves behind in the context, and keeps it from the next test."""

from collections.abc import Iterator

import pytest
from opentelemetry import context as otel_context

from paddle_otel.operations import generation, model_load, prediction, tokenizer_call


@pytest.fixture(autouse=True)
def nothing_left_in_the_context() -> Iterator[None]:
    """Fail a test after which a span, a generation or a call is still current, as it would be for the user."""
    before = otel_context.get_current()
    token = otel_context.attach(before)
    yield
    current = generation._current  # noqa: SLF001  # pyright: ignore[reportPrivateUsage] - only a test ever puts it back
    inside = (
        tokenizer_call.inside_tokenizer_call(),
        model_load.inside_model_load(),
        prediction.inside_model_call(),
    )
    left = [otel_context.get_current() != before, current.get() is not None, *(flag.get() for flag in inside)]
    otel_context.detach(token)
    current.set(None)
    for flag in inside:
        flag.set(False)
    assert not any(left), "a span, a generation, a model call, a tokenizer call or a load is still current"
