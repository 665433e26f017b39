"""What happened to the devices, as OpenTelemetry events: each once, by the process that reports the device."""

from collections import deque
from collections.abc import Sequence
from typing import Any, Final

from opentelemetry._logs import Logger

from paddle_otel.forking import call_in_forked_child
from paddle_otel.guard import guard
from paddle_otel.hardware.claims import Claims
from paddle_otel.hardware.kind import DeviceKind, Event
from paddle_otel.sampling.snapshot import Snapshot

WAITING: Final = 64
"""Readings with events that wait until a process reports their device; the oldest goes first."""


class EventLog:
    """Emits the events of the devices that this process reports.

    All processes see an event. It is left to the one that reports the device; while none does, because none has
    collected metrics yet or the last one has just ended, it waits until one does.

    Args:
        kinds: Whose events.
        claims: Which devices this process reports.
    """

    def __init__(self, kinds: Sequence[DeviceKind[Any]], claims: Claims) -> None:
        self._kinds = kinds
        self._claims = claims
        self._waiting: deque[tuple[DeviceKind[Any], Any]] = deque(maxlen=WAITING)
        self.logger: Logger | None = None
        """Where events go; they are lost while there is none."""
        call_in_forked_child(self.forget)

    def forget(self) -> None:
        """Forget what waits; in a forked child it is the parent's to emit."""
        self._waiting.clear()

    def follow(self, snapshot: Snapshot) -> None:
        """Emit what happened according to a snapshot, and what waited and may be emitted now."""
        logger = self.logger
        if logger is None:
            return
        seen = [*self._waiting, *((kind, kind.readings(snapshot)) for kind in self._kinds)]
        self._waiting.clear()
        for kind, readings in seen:
            with guard(f"looking for events of {kind.name}"):
                if readings is not None and _any_event(kind, readings):
                    self._tell(logger, kind, readings)

    def _tell(self, logger: Logger, kind: DeviceKind[Any], readings: Any) -> None:
        whose = _Whose(self._claims)
        ours = kind.reported(readings, whose.ours)
        if whose.free:
            waiting = kind.reported(readings, whose.free.__contains__)
            if waiting is not None and _any_event(kind, waiting):
                self._waiting.append((kind, waiting))
        for event in () if ours is None else kind.events(ours):
            with guard("handing on an event of the hardware"):
                _emit(logger, event)


class _Whose:
    """Asks once for each device whose it is, so that an event is not both emitted and kept waiting."""

    def __init__(self, claims: Claims) -> None:
        self._claims = claims
        self.free: set[str] = set()

    def ours(self, name: str) -> bool:
        if self._claims.holds(name):
            return True
        if self._claims.is_free(name):
            self.free.add(name)
            return False
        return self._claims.holds(name)  # claimed meanwhile


def _any_event(kind: DeviceKind[Any], readings: Any) -> bool:
    return any(True for _ in kind.events(readings))


def _emit(logger: Logger, event: Event) -> None:
    logger.emit(
        timestamp=event.timestamp,
        severity_number=event.severity,
        severity_text=event.severity.name,
        event_name=event.name,
        attributes=event.attributes,
    )
