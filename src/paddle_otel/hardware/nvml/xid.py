"""XID errors, which the driver reports when a program, the driver or a GPU fails."""

import ctypes
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from paddle_otel.hardware.nvml.binding import DEVICE_LOST, DRIVER_GONE, UNSUPPORTED, Binding, Code, NvmlError
from paddle_otel.hardware.nvml.question import Backoff

XID_CRITICAL_ERROR: Final = 0x8
"""``nvmlEventTypeXidCriticalError``."""
MOST_PER_POLL: Final = 64
"""So many events are taken at once; what is left comes at the next poll."""

_NEVER: Final = frozenset({Code.NOT_SUPPORTED, Code.NO_PERMISSION, Code.FUNCTION_NOT_FOUND})
_TIMEOUT: Final = 10
_AT_ONCE: Final = 0  # ms


@dataclass(frozen=True, slots=True)
class Xid:
    """One XID error.

    Attributes:
        uuid: UUID of the GPU, also when a MIG instance of it was concerned.
        code: The error's number; 999 is an error that the driver has no number for.
        timestamp_ns: When it was noticed, ``time.time_ns()``; the driver does not say when it happened.
    """

    uuid: str
    code: int
    timestamp_ns: int


@dataclass(slots=True)
class _Gpu:
    """A GPU that is to be watched, and whether it is in the set."""

    handle: Any
    backoff: Backoff = field(default_factory=Backoff)
    registered: bool = False


class XidWatch:
    """The XID errors of all GPUs, from the moment on from which they are watched.

    It never waits. One set of events serves all GPUs; when NVML fails on it, it is made anew after a pause, and what
    happens in the pause is not noticed. A GPU that cannot be put into it is tried again from time to time.

    Args:
        binding: NVML, initialised.
        clock: Seconds of a monotonic clock, for tests.
        wall_clock: Nanoseconds since 1970, for tests.
    """

    def __init__(
        self,
        binding: Binding,
        clock: Callable[[], float] = time.monotonic,
        wall_clock: Callable[[], int] = time.time_ns,
    ) -> None:
        self._binding = binding
        self._clock = clock
        self._wall_clock = wall_clock
        self._backoff = Backoff()
        self._set: Any = None
        self._gpus: dict[str, _Gpu] = {}
        self._pending: list[Xid] = []
        self._unsupported = False
        self._pid = os.getpid()

    def watch(self, handle: Any, uuid: str) -> None:
        """Notice errors of a GPU from now on; to be called again for a GPU that was lost and is back.

        Args:
            handle: The GPU's handle.
            uuid: Its UUID.

        Raises:
            NvmlError: The driver is gone.
        """
        known = uuid in self._gpus
        self._gpus[uuid] = _Gpu(handle)
        if known:
            self._make_anew()  # NVML does not say what registering twice does
        else:
            self._prepare()

    def unwatch(self, uuid: str) -> None:
        """Leave out a GPU, for instance because it is lost: waiting for it may fail for all the others, too.

        Raises:
            NvmlError: The driver is gone.
        """
        if self._gpus.pop(uuid, None) is not None:
            self._make_anew()  # NVML cannot take a device out of a set

    def poll(self) -> tuple[Xid, ...]:
        """Return the errors since the last poll, about 64 at most.

        Raises:
            NvmlError: The driver is gone.
        """
        errors, self._pending = [*self._pending, *self._take()], []
        try:
            self._prepare()  # last, because events may be lost when the set has to be made anew
        except NvmlError:
            if not errors:  # else they are returned, and the next poll fails in the same way
                raise
        return tuple(errors)

    def close(self) -> None:
        """Watch nothing any more; to be called before NVML is shut down."""
        self._gpus = {}
        self._free()

    def _take(self) -> list[Xid]:
        errors: list[Xid] = []
        for _ in range(MOST_PER_POLL):
            if self._set is None:
                break
            try:
                event = self._binding.call("nvmlEventSetWait_v2", self._set, _AT_ONCE)
            except NvmlError as error:
                if error.code == _TIMEOUT:
                    self._backoff.succeeded()
                elif not errors:  # else as in poll()
                    self._fail(error)
                break
            uuid = self._uuid_of(event.device) if event.eventType & XID_CRITICAL_ERROR else None
            if uuid is not None:
                errors.append(Xid(uuid, int(event.eventData), self._wall_clock()))
        return errors

    def _uuid_of(self, device: Any) -> str | None:
        address = _address(device)
        if address is None:
            return None
        for uuid, gpu in self._gpus.items():
            if _address(gpu.handle) == address:
                return uuid
        return self._binding.call_or_none("nvmlDeviceGetUUID", device)

    def _prepare(self) -> None:
        """Make the set if there is none, and register what is not in it, unless that failed a short while ago."""
        now = self._clock()
        if self._unsupported or not self._gpus or not self._backoff.due(now):
            return
        if self._set is None and not self._make_set():
            return
        for uuid, gpu in tuple(self._gpus.items()):
            if not gpu.registered and gpu.backoff.due(now) and not self._register(uuid, gpu, now):
                # For the others. This ends: each failure makes one more GPU wait.
                self._free()
                self._prepare()
                return

    def _make_set(self) -> bool:
        try:
            self._set = self._binding.call("nvmlEventSetCreate")
        except NvmlError as error:
            self._fail(error)
            return False
        for gpu in self._gpus.values():
            gpu.registered = False
        return True

    def _register(self, uuid: str, gpu: _Gpu, now: float) -> bool:
        """Put a GPU into the set; return whether the set is fit for use after it."""
        try:
            # Asked first, because a lost GPU may be registered without complaint and then keep the set from working.
            types: int = self._binding.call("nvmlDeviceGetSupportedEventTypes", gpu.handle)
        except NvmlError as error:
            self._refused(uuid, gpu, now, error)
            return True
        if not types & XID_CRITICAL_ERROR:
            del self._gpus[uuid]
            return True
        try:
            self._binding.call("nvmlDeviceRegisterEvents", gpu.handle, XID_CRITICAL_ERROR, self._set)
        except NvmlError as error:
            self._refused(uuid, gpu, now, error)
            return error.code in UNSUPPORTED or error.code in DEVICE_LOST  # else it is undefined (nvml.h)
        gpu.registered = True
        gpu.backoff.succeeded()
        return True

    def _refused(self, uuid: str, gpu: _Gpu, now: float, error: NvmlError) -> None:
        if error.code in DRIVER_GONE:
            raise error
        if error.code in UNSUPPORTED:
            del self._gpus[uuid]
        else:
            gpu.backoff.failed(now)

    def _make_anew(self) -> None:
        self._pending += self._take()
        self._free()
        self._prepare()

    def _fail(self, error: NvmlError) -> None:
        if error.code in DRIVER_GONE:
            raise error
        self._free()
        self._unsupported = error.code in _NEVER
        self._backoff.failed(self._clock())

    def _free(self) -> None:
        events, self._set = self._set, None
        if events is not None and self._pid == os.getpid():  # else it is a copy of the parent process's
            self._binding.call_or_none("nvmlEventSetFree", events)


def _address(handle: Any) -> int | None:
    return ctypes.cast(handle, ctypes.c_void_p).value
