"""Which GPUs are sampled, looked at again as time goes on.

A program may set ``CUDA_VISIBLE_DEVICES`` after it was started, and begins to use a GPU long after that.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from paddle_otel.hardware.nvml.binding import Binding, NvmlError
from paddle_otel.hardware.nvml.processes import OwnProcess
from paddle_otel.hardware.nvml.question import Schedule
from paddle_otel.hardware.nvml.visible import Candidate, chosen, ordinals
from paddle_otel.hardware.once_log import OnceLog

PERIOD: Final = 10.0
"""Seconds between two looks."""


class Selection:
    """The devices to sample, and their CUDA ordinals.

    Args:
        setting: What the user asks for, see :class:`Settings`.
        environ: The environment, as CUDA sees it.
        log: Where it is said that the choice may not be what was meant.
    """

    def __init__(self, setting: str, environ: Mapping[str, str], log: OnceLog) -> None:
        self._setting = setting
        self._environ = environ
        self._log = log
        self._schedule = Schedule(PERIOD)
        self._candidates: tuple[Candidate, ...] = ()
        self._chosen: frozenset[str] = frozenset()
        self._ordinals: Mapping[str, int] = {}
        self._used: set[str] = set()
        self._processes: dict[str, OwnProcess] = {}

    def update(self, now: float, binding: Binding, handles: Mapping[Candidate, Any]) -> None:
        """Look again, if there are other devices than before or some time has passed.

        Args:
            now: Seconds of a monotonic clock.
            binding: NVML.
            handles: All devices; ``None`` is the handle of one that is lost.
        """
        candidates = tuple(handles)
        if not self._schedule.due(now) and candidates == self._candidates:
            return
        self._candidates = candidates
        self._chosen = chosen(self._setting, candidates, self._environ, self._uses(now, binding, handles), self._log)
        self._ordinals = ordinals(candidates, self._environ)

    def covers(self, uuid: str) -> bool:
        """Whether a device is sampled."""
        return uuid in self._chosen

    def ordinal(self, uuid: str) -> int | None:
        """Return a device's CUDA ordinal in this process, ``None`` when it is not known."""
        return self._ordinals.get(uuid)

    def _uses(
        self, now: float, binding: Binding, handles: Mapping[Candidate, Any]
    ) -> Callable[[Candidate], bool | None]:
        def uses(candidate: Candidate) -> bool | None:
            uuid, handle = candidate.uuid, handles[candidate]
            if uuid in self._used:
                return True  # once it has, it most likely will again; and the list of processes is dear
            if handle is None:
                return None
            process = self._processes.setdefault(uuid, OwnProcess(binding))
            try:
                answer = process.uses(handle, now)
            except NvmlError:
                return None
            if answer:
                self._used.add(uuid)
            return answer

        return uses
