"""Fixtures that every test may use."""

import signal

# Paddle 2.6.2 crashes at the first decompression when zlib is first imported after it.
import zlib as _zlib
from collections.abc import Iterator

import pytest
from opentelemetry.instrumentation.instrumentor import BaseInstrumentor

from paddle_otel import guard, settings
from paddle_otel.budgets import BUDGETS
from recording import Recorder

assert _zlib.ZLIB_VERSION

# A shell lets what it starts in the background ignore SIGINT, and so would the servers under test, which it ends.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

pytest_plugins = ["backends.fixtures", "fake_nvml.fixtures", "fake_smartctl.fixtures"]


@pytest.fixture(autouse=True)
def _own_devices(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Let no other process on this machine report the devices of a test."""
    monkeypatch.setenv("PADDLE_OTEL_LOCK_DIRECTORY", str(tmp_path_factory.mktemp("locks")))


@pytest.fixture(autouse=True)
def _no_budgets_left() -> Iterator[None]:
    """Let no budget of a test be in force, or its counts be shown, in a later one."""
    yield
    BUDGETS.forget()


@pytest.fixture
def recorder() -> Recorder:
    """An OpenTelemetry SDK in memory."""
    return Recorder()


@pytest.fixture
def _patient_monitors(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let monitors wait for their first and last sample as long as a busy machine needs; GPUs tell their clocks once.

    Each GPU is asked for those at a moment of its own in every ten seconds, which may fall between two samples.
    """
    monkeypatch.setattr("paddle_otel.hardware.nvml.state.PERIOD", 1e9)
    monkeypatch.setattr("paddle_otel.monitor.gpu_monitor.FIRST_SAMPLE_SECONDS", 60.0)


class Trouble:
    """The telemetry trouble that a test expects, by the site that reported it."""

    def __init__(self) -> None:
        self.expected = False
        self.sites: list[str] = []


@pytest.fixture(autouse=True)
def telemetry_trouble(monkeypatch: pytest.MonkeyPatch) -> Iterator[Trouble]:
    """Fail every test in which the guard swallowed something, unless the test sets ``expected``.

    What the guard keeps from users must not be kept from the tests.
    """
    trouble = Trouble()
    log_once = guard._log_once  # noqa: SLF001 # pyright: ignore[reportPrivateUsage] - report() may be imported by name

    def noting(site: str, error: Exception, message: str) -> None:
        if message.startswith("Telemetry failed"):  # not the program's own code
            trouble.sites.append(f"{site}: {error!r}")
        log_once(site, error, message)

    monkeypatch.setattr(guard, "_log_once", noting)
    guard.forget_reported_sites()
    settings.forget_warnings()
    yield trouble
    assert trouble.expected or not trouble.sites, f"telemetry failed silently: {trouble.sites}"


@pytest.fixture
def switched_off_afterwards() -> Iterator[list[BaseInstrumentor]]:
    """A list of instrumentors that are switched off when the test ends."""
    used: list[BaseInstrumentor] = []
    yield used
    for instrumentor in used:
        if instrumentor.is_instrumented_by_opentelemetry:
            instrumentor.uninstrument()
