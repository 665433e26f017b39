"""Which changes of a disk are events, and how much of the past is kept for telling."""

from paddle_otel.hardware.smart.changes import Changes
from paddle_otel.hardware.smart.reading import DiskIdentity, DiskReading, Health


def _disk(number: int, state: str | None = "ok", device: str | None = None, **values: int) -> DiskReading:
    who = DiskIdentity(f"disk{number}", device, None, None, None, None, None)
    return DiskReading(who, 0.0, 17, Health(state) if state is not None else None, values, None, None)


def test_disk_without_a_device_or_a_judgement() -> None:
    """What is not known is not in the event."""
    changes = Changes()
    assert changes.since_last([_disk(1, None, pending_sectors=0)]) == ()
    (event,) = changes.since_last([_disk(1, None, pending_sectors=1)])
    assert event.attributes == {
        "hw.id": "disk1",
        "hw.physical_disk.smart_attribute": "pending_sectors",
        "paddle.disk.smart.value": 1,
    }
    assert event.timestamp == 17
    (event,) = changes.since_last([_disk(1, "predicted_failure", "sda", pending_sectors=1)])
    assert event.attributes == {"hw.id": "disk1", "system.device": "sda", "hw.state": "predicted_failure"}


def test_each_disk_is_compared_with_itself() -> None:
    """Whatever their order, and whatever the others do."""
    changes = Changes()
    changes.since_last([_disk(1, media_errors=5), _disk(2, media_errors=0)])
    assert changes.since_last([_disk(2, media_errors=0), _disk(1, media_errors=5)]) == ()
    (event,) = changes.since_last([_disk(2, media_errors=1), _disk(1, media_errors=5)])
    assert event.attributes["hw.id"] == "disk2"


def test_counter_that_comes_and_goes() -> None:
    """Is compared only with the reading just before: what was in between is not known."""
    changes = Changes()
    for disk in (_disk(1, reallocated_sectors=1), _disk(1), _disk(1, reallocated_sectors=2)):
        assert changes.since_last([disk]) == ()


def test_the_past_is_bounded() -> None:
    """A disk that has gone is forgotten only after a thousand others were seen."""
    changes = Changes()
    failing = _disk(0, "failed")
    assert len(changes.since_last([failing])) == 1
    for number in range(1, 1024):
        changes.since_last([_disk(number)])
    assert changes.since_last([failing]) == ()
    for number in range(5000, 6024):
        changes.since_last([_disk(number)])
    assert len(changes.since_last([failing])) == 1
