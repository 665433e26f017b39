"""Log processors that raise or hang cost the program and its metrics nothing."""

import logging
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from event_scene import Scene
from fake_nvml.sources import eventually, sampler_threads
from paddle_otel.hardware.kind import DeviceKind
from recording import Recorder
from scripted_kinds import Reading, kind_of

XID = "paddle.gpu.xid"


@pytest.fixture
def scene(recorder: Recorder, tmp_path: Path) -> Iterator[Scene]:
    """Not started."""
    with Scene(recorder, tmp_path) as scene:
        yield scene


def test_a_processor_that_raises(scene: Scene, telemetry_trouble: Any) -> None:
    """Costs the event, and neither the next one nor any metric; it is said once."""
    telemetry_trouble.expected = True
    scene.start()

    def fail() -> None:
        raise ZeroDivisionError

    scene.processor.act = fail
    scene.happens("first", "second", times=2)
    assert scene.emitted() == []
    scene.processor.act = lambda: None
    scene.happens("third")
    assert scene.emitted() == ["third"]
    assert "hw.energy" in scene.recorder.metrics()
    assert set(telemetry_trouble.sites) == {"handing on an event of the hardware: ZeroDivisionError()"}


def test_a_bug_in_the_events_of_a_kind(scene: Scene, telemetry_trouble: Any) -> None:
    """Costs its events and no metric."""
    telemetry_trouble.expected = True

    def broken(_: object) -> Any:
        raise ZeroDivisionError

    kind = kind_of(scene.devices)
    scene.make(DeviceKind(kind.name, kind.source, kind.metrics, kind.reported, broken))
    scene.start()
    scene.settle()
    assert "hw.energy" in scene.recorder.metrics()
    assert set(telemetry_trouble.sites) == {"looking for events of scripted: ZeroDivisionError()"}


def test_a_processor_that_hangs(scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
    """Sampling and all metrics go on, by one more thread and not by more; events come back when it returns."""
    scene.start()
    inside, may_return = threading.Event(), threading.Event()

    def hang() -> None:
        inside.set()
        may_return.wait(60)

    scene.processor.act = hang
    with caplog.at_level(logging.WARNING, "paddle_otel"):
        scene.happens("first")
        assert inside.wait(10)
        try:
            assert eventually(lambda: "hw.energy" not in scene.recorder.metrics() or len(sampler_threads()) == 2)
            assert eventually(lambda: "hw.energy" in scene.recorder.metrics())
            scene.devices.now = (Reading("a", 77.0),)
            assert eventually(lambda: [point.value for point in scene.recorder.points("hw.energy")] == [77.0])
            scene.happens("lost", times=20)
            assert len(sampler_threads()) == 2
        finally:
            may_return.set()
    assert eventually(lambda: len(sampler_threads()) == 1)
    scene.happens("second")
    assert scene.emitted() == ["first", "second"]
    (record,) = caplog.records
    assert "A log processor has not returned" in record.message
    assert "all others go on" in record.message


def test_stopping_does_not_wait_for_a_processor_that_hangs(scene: Scene) -> None:
    """Longer than for a driver."""
    scene.start()
    inside, may_return = threading.Event(), threading.Event()

    def hang() -> None:
        inside.set()
        may_return.wait(60)

    scene.processor.act = hang
    scene.happens(XID)
    assert inside.wait(10)
    stopped = threading.Thread(target=scene.reporting.stop)
    stopped.start()
    stopped.join(5)
    assert not stopped.is_alive()
    may_return.set()
    assert eventually(lambda: sampler_threads() == [])
