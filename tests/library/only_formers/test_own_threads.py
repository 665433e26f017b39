"""The stock instrumentation of threads does not tie our own threads to the request in which they happen to start."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from opentelemetry import trace

from event_scene import Scene
from fake_nvml.sources import eventually
from paddle_otel.budgets.shared_health import Health
from paddle_otel.budgets.shared_ledger import SharedLedger
from paddle_otel.budgets.watched_file import WatchedFile
from paddle_otel.hardware.smart.program import Runner, Unkillable
from paddle_otel.hardware.smart.reader import ByDevice, DiskReader
from paddle_otel.hardware.smart.round import Round
from paddle_otel.identity import Identity, current_identity, identify
from recording import Recorder

pytestmark = pytest.mark.usefixtures("stock_threads")


@pytest.fixture
def scene(recorder: Recorder, tmp_path: Path) -> Iterator[Scene]:
    """A kind of device whose events are told, not yet."""
    with Scene(recorder, tmp_path) as scene:
        yield scene


def test_an_event_of_the_hardware_is_of_no_request(scene: Scene, recorder: Recorder) -> None:
    """The sampler starts in a request, and what happens to a device later is not that request's."""
    tracer = recorder.tracer_provider.get_tracer("a service")
    with tracer.start_as_current_span("request"), identify(tenant="acme"):
        scene.start()
    scene.happens("paddle.gpu.xid")
    assert scene.emitted() == ["paddle.gpu.xid"]
    (log,) = scene.exporter.get_finished_logs()
    assert log.log_record.trace_id == log.log_record.span_id == 0
    assert "paddle.tenant.id" not in dict(log.log_record.attributes or {})


def test_disks_are_read_for_no_request(recorder: Recorder, tmp_path: Path) -> None:
    """The thread that asks them knows neither span nor tenant."""
    seen: list[tuple[bool, Identity]] = []

    class Reader(DiskReader):
        def read_all(self, runner: Runner, before: ByDevice) -> ByDevice:  # noqa: ARG002 - reads nothing
            seen.append((trace.get_current_span().get_span_context().is_valid, current_identity()))
            return {}

    tracer = recorder.tracer_provider.get_tracer("a service")
    with tracer.start_as_current_span("request"), identify(tenant="acme"):
        looking = Round(Reader(time.monotonic, tmp_path, 1.0), Runner(Unkillable()), {})
        looking.start()
    looking.cancel(60.0)
    assert looking.readings == {}
    assert seen == [(False, Identity())]


def test_a_budget_file_is_followed_for_no_request(recorder: Recorder, tmp_path: Path) -> None:
    """What is said of it later belongs to no trace."""
    path, seen = tmp_path / "budgets.yaml", list[tuple[bool, Identity]]()
    path.write_text("budgets: []\n")

    def use(_: object) -> None:
        seen.append((trace.get_current_span().get_span_context().is_valid, current_identity()))

    tracer = recorder.tracer_provider.get_tracer("a service")
    file = WatchedFile(str(path), use)
    with tracer.start_as_current_span("request"), identify(tenant="acme"):
        file.follow()
    path.write_text("budgets:\n  - {name: a, scope: process, limit: 3}\n")
    assert eventually(lambda: len(seen) > 1, 30.0)
    file.leave()
    assert seen[1:] == [(False, Identity())]


def test_the_shared_ledger_is_asked_for_no_request(recorder: Recorder, monkeypatch: pytest.MonkeyPatch) -> None:
    """It goes on asking when the request that began it has long ended."""
    seen: list[tuple[bool, Identity]] = []

    def asking(_self: Health) -> None:
        seen.append((trace.get_current_span().get_span_context().is_valid, current_identity()))

    monkeypatch.setattr(Health, "asking", asking)
    tracer = recorder.tracer_provider.get_tracer("a service")
    with tracer.start_as_current_span("request"), identify(tenant="acme"):
        ledger = SharedLedger("redis://127.0.0.1:1/0", 0.002)
    assert eventually(lambda: bool(seen), 30.0)
    ledger.shut()
    assert seen[:1] == [(False, Identity())]
