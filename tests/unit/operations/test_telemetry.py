"""When there is nobody to measure for."""

import gc

import pytest
from opentelemetry import trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.trace import TracerProvider

from conftest import Trouble
from observed import raising
from paddle_otel.operations.generation_subscribers import GENERATION_SUBSCRIBERS, EndedGeneration
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


def test_an_sdk_that_comes_later(recorder: Recorder, monkeypatch: pytest.MonkeyPatch) -> None:
    """Idle until an SDK is there, and from then on never again asked."""
    telemetry = Telemetry("test", None, None, Settings())
    assert telemetry.is_idle() is True
    with monkeypatch.context() as later:
        later.setattr(trace, "get_tracer_provider", lambda: recorder.tracer_provider)
        assert telemetry.is_idle() is False
    monkeypatch.setattr(trace, "get_tracer_provider", raising(AssertionError("asked again")))
    assert telemetry.is_idle() is False


def test_without_its_own_provider_the_next_time(recorder: Recorder) -> None:
    """Switched on again without a provider of its own, it is idle until there is an SDK."""
    telemetry = Telemetry("test", recorder.tracer_provider, None, Settings())
    assert telemetry.is_idle() is False
    telemetry.use(None, Settings())
    assert telemetry.is_idle() is True
    telemetry.use(recorder.tracer_provider, Settings())
    assert telemetry.is_idle() is False


def test_a_provider_that_cannot_be_loaded(monkeypatch: pytest.MonkeyPatch, telemetry_trouble: Trouble) -> None:
    """A wrong ``OTEL_PYTHON_TRACER_PROVIDER`` is no SDK; the call goes on."""
    telemetry_trouble.expected = True
    telemetry = Telemetry("test", None, None, Settings())
    monkeypatch.setattr(trace, "get_tracer_provider", raising(RuntimeError("no such provider")))
    assert telemetry.is_idle() is True


class Follower:
    """Wants to know of generations."""

    def ended(self, generation: EndedGeneration) -> None:
        """Do nothing."""


def test_it_is_not_idle_while_somebody_follows_generations() -> None:
    """With or without an SDK; but what is there for a monitor alone tells nobody."""
    telemetry, silent = Telemetry("test", None, None, Settings()), Telemetry("test", None, None, Settings())
    silent.use(None, Settings(), watches_only=True)
    follower = Follower()
    GENERATION_SUBSCRIBERS.add(follower.ended)
    assert (telemetry.is_idle(), silent.is_idle()) == (False, True)
    del follower
    gc.collect()
    assert telemetry.is_idle() is True
