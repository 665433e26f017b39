"""The rule for memory that runs out, with samples that a test makes up."""

from collections.abc import Callable
from typing import Any

from fake_nvml.samples import snapshot
from paddle_otel.diagnosis.finding import Finding
from paddle_otel.diagnosis.memory_pressure import MemoryPressure
from paddle_otel.diagnosis.work import CacheUse, Work
from paddle_otel.sampling.snapshot import Snapshot


class Allocator:
    """What Paddle's allocator of a device says."""

    def __init__(self, device: str, allocated: int, reserved: int) -> None:
        self.device, self.allocated, self.reserved = device, allocated, reserved


class MemoryScene:
    """The rule with samples that a test makes up, a second apart unless it says otherwise."""

    def __init__(self) -> None:
        self.work = Work()
        self.caches: dict[str, CacheUse] = {}
        self.rule = MemoryPressure(self.work, lambda: None)
        self.now = 100.0

    def observe_caches(self) -> None:
        """Let the rule know ``caches``."""
        self.work.tell_by(caches=lambda: self.caches)

    def sample(self, *gpus: Any, **readings: Any) -> list[Finding]:
        """Return what one more sample lets the rule find."""
        self.now += 1.0
        return list(self.rule.look(self.snapshot(*gpus, **readings)))

    def snapshot(self, *gpus: Any, **readings: Any) -> Snapshot:
        """Return a sample of now with the readings of other sources by their names."""
        one = snapshot(self.now, *gpus)
        return Snapshot(one.started, one.finished, one.wall, {**one.readings, **readings}, one.durations)

    def until_told(self, sample: Callable[[int], list[Finding]], most: int = 500) -> tuple[int, list[Finding]]:
        """Return the number of the first sample that finds something, and what."""
        for number in range(most):
            found = sample(number)
            if found:
                return number, found
        raise AssertionError(f"nothing was found in {most} samples")
