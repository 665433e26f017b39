"""What became worse with a disk from one round to the next."""

from collections.abc import Iterable, Mapping
from typing import Final

from opentelemetry._logs import SeverityNumber

from paddle_otel.conventions import attributes as a
from paddle_otel.conventions import events
from paddle_otel.hardware.kind import Event
from paddle_otel.hardware.smart.reading import DiskReading
from paddle_otel.hardware.smart.value_names import MEDIA_ERRORS, PENDING, REALLOCATED, UNCORRECTABLE

"""The S.M.A.R.T. value that an event is about."""

_ALARMING: Final = frozenset({a.STATE_PREDICTED_FAILURE, a.STATE_FAILED})
_GROWING: Final = (REALLOCATED, PENDING, UNCORRECTABLE, MEDIA_ERRORS)
_MOST_DISKS: Final = 1024


class Changes:
    """Compares each round with the one before, disk by disk; a disk that comes back goes on where it was."""

    def __init__(self) -> None:
        self._last: dict[str, DiskReading] = {}

    def since_last(self, disks: Iterable[DiskReading]) -> tuple[Event, ...]:
        """Return what became worse, and remember what is.

        A disk that expects to fail is told of when it is first seen, because nobody knows since when it does. Counters
        have no beginning then: only their growth is an event.
        """
        found: list[Event] = []
        for disk in disks:
            found += _worse(self._last.pop(disk.identity.id, None), disk)
            self._last[disk.identity.id] = disk
        while len(self._last) > _MOST_DISKS:
            del self._last[next(iter(self._last))]  # not seen for the longest time
        return tuple(found)


def _worse(before: DiskReading | None, now: DiskReading) -> Iterable[Event]:
    health = now.health
    state_before = before.health.state if before is not None and before.health is not None else None
    if health is not None and health.state in _ALARMING and health.state != state_before:
        yield _event(now, health.attribute, health.value)
    values: Mapping[str, int] = before.values if before is not None else {}
    for name in _GROWING:
        if name in values and name in now.values and now.values[name] > values[name]:
            yield _event(now, name, now.values[name])


def _event(disk: DiskReading, attribute: str | None, value: int | None) -> Event:
    known = {
        a.HW_ID: disk.identity.id,
        a.SYSTEM_DEVICE: disk.identity.device,
        a.HW_STATE: disk.health.state if disk.health is not None else None,
        a.HW_PHYSICAL_DISK_SMART_ATTRIBUTE: attribute,
        a.PADDLE_DISK_SMART_VALUE: value,
    }
    attributes = {key: one for key, one in known.items() if one is not None}
    return Event(events.DISK_HEALTH, SeverityNumber.ERROR, attributes, disk.wall)
