"""What notices what Paddle does is switched on while a monitor watches."""

import gc
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any, ClassVar

import pytest
from opentelemetry.instrumentation.instrumentor import BaseInstrumentor
from opentelemetry.metrics import NoOpMeterProvider
from opentelemetry.trace import NoOpTracerProvider

from conftest import Trouble
from fake_nvml.driver import program_environment
from paddle_otel.monitor import GPUMonitor, gpu_monitor
from paddle_otel.monitor.observers import GROUP, Observers


class Scripted(BaseInstrumentor):
    """An instrumentor that notes what it is told."""

    told: ClassVar[list[Any]] = []

    def instrumentation_dependencies(self) -> list[str]:
        """Return nothing."""
        return []

    def _instrument(self, **kwargs: Any) -> None:
        self.told.append(kwargs)

    def _uninstrument(self, **_: Any) -> None:
        self.told.append("off")


class Broken(BaseInstrumentor):
    """One that cannot be switched on."""

    def instrumentation_dependencies(self) -> list[str]:
        """Return nothing."""
        return []

    def _instrument(self, **_: Any) -> None:
        raise RuntimeError("broken")

    def _uninstrument(self, **_: Any) -> None:
        raise AssertionError


class Watcher:
    """Somebody who wants to know."""


@pytest.fixture
def told() -> Iterator[list[Any]]:
    """What the instrumentor was told."""
    Scripted.told.clear()
    yield Scripted.told
    if Scripted().is_instrumented_by_opentelemetry:
        Scripted().uninstrument()


def observers(*kinds: type[Any]) -> Observers:
    """Return observers of these kinds."""
    module = sys.modules[__name__]
    sys.modules["observers_of_this_test"] = module
    return Observers(
        lambda: [EntryPoint(one.__name__, f"observers_of_this_test:{one.__name__}", GROUP) for one in kinds]
    )


def test_on_with_the_first_and_off_with_the_last(told: list[Any]) -> None:
    """Without a tracer and without instruments: it reports nothing to anybody."""
    ours = observers(Scripted)
    first, second = Watcher(), Watcher()
    ours.want(first)
    ours.want(second)
    (providers,) = told
    assert isinstance(providers["tracer_provider"], NoOpTracerProvider)
    assert isinstance(providers["meter_provider"], NoOpMeterProvider)
    assert set(providers) == {"tracer_provider", "meter_provider", "logger_provider", "watches_only"}
    assert providers["watches_only"] is True
    ours.leave(first)
    assert len(told) == 1
    ours.leave(second)
    ours.leave(second)
    assert told[1:] == ["off"]
    assert not Scripted().is_instrumented_by_opentelemetry


def test_one_that_the_program_switched_on_is_left_alone(told: list[Any]) -> None:
    """It sees what Paddle does already."""
    ours, watcher = observers(Scripted), Watcher()
    Scripted().instrument(skip_dep_check=True, mine=1)
    ours.want(watcher)
    ours.leave(watcher)
    assert len(told) == 1
    assert told[0]["mine"] == 1
    assert Scripted().is_instrumented_by_opentelemetry


def test_one_that_the_program_switches_on_meanwhile_is_its(told: list[Any]) -> None:
    """With the providers that it gives, and it stays on."""
    ours, watcher = observers(Scripted), Watcher()
    ours.want(watcher)
    Scripted().instrument(skip_dep_check=True, mine=1)
    ours.leave(watcher)
    assert [one["mine"] for one in told[1:]] == [1]
    assert Scripted().is_instrumented_by_opentelemetry


def test_one_that_is_broken_costs_itself_only(told: list[Any], telemetry_trouble: Trouble) -> None:
    """The others are switched on."""
    telemetry_trouble.expected = True
    ours, watcher = observers(Broken, Scripted), Watcher()
    ours.want(watcher)
    ours.leave(watcher)
    assert told[1:] == ["off"]
    assert [site.partition(":")[0] for site in telemetry_trouble.sites] == [
        "switching on what notices what Paddle does"
    ]


def test_who_is_gone_wants_nothing(told: list[Any]) -> None:
    """Switched off at the next look."""
    ours, watcher = observers(Scripted), Watcher()
    ours.want(watcher)
    del watcher
    gc.collect()
    ours.look_again()
    assert told[1:] == ["off"]


def test_a_monitor_switches_them_on_and_off(told: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """Unless it is told not to."""
    monkeypatch.setattr(gpu_monitor, "OBSERVERS", observers(Scripted))
    with GPUMonitor(0, observe=False):
        assert told == []
    with GPUMonitor(0) as monitor:
        assert len(told) == 1
        monitor.start()
        assert len(told) == 1
    assert told[1:] == ["off"]


def test_they_are_found_by_entry_points(tmp_path: Path) -> None:
    """Of whatever distribution declares them; loaded by the first monitor, not by the import."""
    (tmp_path / "noticing.py").write_text(
        "from opentelemetry.instrumentation.instrumentor import BaseInstrumentor\n"
        "class Noticing(BaseInstrumentor):\n"
        "    def instrumentation_dependencies(self): return []\n"
        "    def _instrument(self, **_): print('on')\n"
        "    def _uninstrument(self, **_): print('off')\n"
    )
    metadata = tmp_path / "noticing-1.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: noticing\nVersion: 1\n")
    (metadata / "entry_points.txt").write_text(f"[{GROUP}]\nnoticing = noticing:Noticing\n")
    code = (
        f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n"
        "from paddle_otel.monitor import GPUMonitor\n"
        "assert 'noticing' not in sys.modules\n"
        "with GPUMonitor(0): print('watching')\n"
    )
    ended = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        env=program_environment(),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout.split() == ["on", "watching", "off"]
