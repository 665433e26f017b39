"""When there is nobody to measure for."""

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.trace import TracerProvider

from paddle_otel.operations.telemetry import Telemetry
from paddle_otel.settings import Settings
from recording import Recorder


def test_it_is_idle_without_an_sdk() -> None:
    """The API's own providers take nothing."""
    assert Telemetry("test", None, None, Settings()).is_idle() is True


def test_it_is_not_idle_with_an_sdk(recorder: Recorder) -> None:
    """Traces or metrics alone are enough to measure for."""
    assert Telemetry("test", recorder.tracer_provider, None, Settings()).is_idle() is False
    assert Telemetry("test", None, recorder.meter_provider, Settings()).is_idle() is False


def test_it_is_idle_with_a_disabled_sdk(monkeypatch: pytest.MonkeyPatch) -> None:
    """``OTEL_SDK_DISABLED`` leaves the SDK's providers in place, and they hand out what does nothing."""
    monkeypatch.setenv("OTEL_SDK_DISABLED", "true")
    disabled = Telemetry("test", TracerProvider(), MeterProvider(), Settings())
    assert disabled.is_idle() is True
