"""Fixtures for what reports to the global OpenTelemetry providers."""

from collections.abc import Iterator
from typing import Any, Final

import pytest
from opentelemetry import trace
from opentelemetry.metrics import _internal as metrics_api

from paddle_otel.operations import (
    generation,
    generation_steps,
    observe_predictions,
    observe_reporting,
    observe_steps,
    observe_values,
    observed_generation,
)
from paddle_otel.operations.meters import METERS
from recording import Recorder

SECOND: Final = 1_000_000_000
START_UNIX_NS: Final = 1_700_000_000 * SECOND


@pytest.fixture
def no_sdk(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Nothing was reported yet, and no SDK is set; afterwards nothing of the test is left."""
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", None)
    monkeypatch.setattr(metrics_api, "_METER_PROVIDER", None)
    _forget()
    unobserved = observed_generation()
    yield
    _forget()
    assert observed_generation() is unobserved, "a generation that a test reported is still current"


@pytest.fixture
def globally(no_sdk: None, monkeypatch: pytest.MonkeyPatch, recorder: Recorder) -> Recorder:  # noqa: ARG001 - made first
    """The recorder, as the SDK that the program has set."""
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", recorder.tracer_provider)
    monkeypatch.setattr(metrics_api, "_METER_PROVIDER", recorder.meter_provider)
    return recorder


def _forget() -> None:
    observe_reporting.forget_reporting()
    observe_values.forget_misuse()
    METERS.forget()


class Clock:
    """Both clocks; the test says when time passes."""

    def __init__(self) -> None:
        self._passed = 0

    def passes(self, seconds: float) -> None:
        """Let time pass."""
        self._passed += int(seconds * SECOND)

    def perf_counter_ns(self) -> int:
        """Return as ``time.perf_counter_ns`` does."""
        return 5 * SECOND + self._passed

    def time_ns(self) -> int:
        """Return as ``time.time_ns`` does."""
        return START_UNIX_NS + self._passed


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock of observed generations and predictions."""
    clock = Clock()
    modules: tuple[Any, ...] = (generation, generation_steps, observe_steps, observe_predictions)
    for module in modules:
        monkeypatch.setattr(module, "time", clock)
    return clock
