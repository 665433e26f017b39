"""Whatever runs when, the energy of all operations together never exceeds what the GPU's counter grew by."""

import itertools
import random
import threading
import time
from fractions import Fraction
from typing import Any, Final, NamedTuple

import pytest

from fake_nvml.samples import ENERGY, METHOD, SAMPLED, SECOND, Usage, gpu, snapshot, snapshot_at
from paddle_otel.hardware.nvml.usage import GpuUsage, GpuUse

NANOJOULES: Final = 10**9
MOST_AT_ONCE: Final = 20


def nanojoules(joules: float) -> int:
    """Return an energy in the whole numbers in which it is kept."""
    return round(joules * NANOJOULES)


class Told(NamedTuple):
    """An operation and what it was told."""

    start: int
    end: int
    samples: int  # that had been taken when it ended
    found: dict[str, Any]

    @property
    def energy(self) -> int:
        """The energy in nJ, 0 when it was told none."""
        return nanojoules(self.found.get(ENERGY, 0.0))


class Schedule:
    """Operations and samples at random times, and what must come of them, computed slowly and exactly.

    Args:
        seed: Of the random numbers.
    """

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)  # noqa: S311 - repeatable, not secret
        self._usage = Usage(longest_pause=4.0)
        self._running: dict[GpuUse, int] = {}
        self._counter = self._random.choice([0.0, 1e9])
        self.samples: list[tuple[int, float]] = []
        self.told: list[Told] = []

    def play(self, events: int) -> None:
        """Let that many things happen."""
        for _ in range(events):
            self._usage.now += self._random.choice([0, 1, 2, 3, 997, self._random.randrange(SECOND)])
            what = self._random.random()
            if what < 0.4 and len(self._running) < MOST_AT_ONCE:
                use = self._usage.begin("gpu:0")
                assert use is not None
                self._running[use] = self._usage.now
            elif what < 0.75 and self._running:
                self._end(self._random.choice(list(self._running)))
            elif what < 0.97:
                self._sample()
            else:
                self._usage.now += 5 * SECOND
        for use in tuple(self._running):
            self._end(use)

    def _sample(self) -> None:
        chance = self._random.random()
        if chance < 0.03:
            self._counter = 0.0  # it begins anew
        elif chance < 0.9:
            self._counter += self._random.choice([1e-9, 0.001, 0.1, 33.333, 700.0]) * self._random.random()
        if not self.samples or self._usage.now > self.samples[-1][0]:
            self.samples.append((self._usage.now, self._counter))
        self._usage.note(snapshot_at(self._usage.now, gpu(self._counter)))

    def _end(self, use: GpuUse) -> None:
        start = self._running.pop(use)
        self.told.append(Told(start, self._usage.now, len(self.samples), dict(use.end())))

    def stretches(self, samples: int | None = None) -> list[tuple[int, int, int]]:
        """Return beginning, end and energy in nJ of the stretches between the first samples that can be told."""
        found: list[tuple[int, int, int]] = []
        for (start, before), (end, after) in itertools.pairwise(self.samples[:samples]):
            used = int(after * NANOJOULES) - int(before * NANOJOULES)
            if end - start <= 4 * SECOND and used >= 0:
                found.append((start, end, used))
        return found

    def exactly(self, operation: Told) -> tuple[Fraction, Fraction]:
        """Return the operation's part in nJ, piece by piece between any two events, and how far rounding may err."""
        total, slack = Fraction(0), Fraction(0)
        for start, end, used in self.stretches(operation.samples):
            since = max(start, operation.start)
            if since >= end:
                continue
            marks = {since, end}
            for other in self.told:
                marks |= {time for time in (other.start, other.end) if since < time < end}
            for left, right in itertools.pairwise(sorted(marks)):
                active = sum(other.start <= left and right <= other.end for other in self.told)
                total += Fraction(used * (right - left), (end - start) * active)
            # A nanosecond of each piece, and what rounding gave to the others may be taken from the last of them.
            slack += 1 + Fraction(MOST_AT_ONCE * used * len(marks), end - start)
        return total, slack


@pytest.mark.parametrize("seed", range(60))
def test_sums_of_random_schedules(seed: int) -> None:
    """Up to twenty at a time, thousands in all, samples at any moment, restarts of the counter, pauses."""
    schedule = Schedule(seed)
    schedule.play(1500)
    assert sum(operation.energy for operation in schedule.told) <= sum(used for _, _, used in schedule.stretches())
    assert any(operation.energy for operation in schedule.told)
    for operation in schedule.told:
        assert operation.found.get(SAMPLED, 0.0) <= (operation.end - operation.start) / SECOND


@pytest.mark.parametrize("seed", range(100, 115))
def test_each_part_is_the_exact_one(seed: int) -> None:
    """Up to the rounding to whole nanoseconds and nanojoules."""
    schedule = Schedule(seed)
    schedule.play(250)
    for operation in schedule.told:
        exact, slack = schedule.exactly(operation)
        assert abs(operation.energy - exact) <= slack
    assert sum(operation.energy > 0 for operation in schedule.told) > 5


@pytest.mark.parametrize("seed", range(200, 220))
def test_exclusive_means_that_nobody_else_ran(seed: int) -> None:
    """Exclusive: no other one for a nanosecond of the time the energy stands for. Shared: at least one."""
    schedule = Schedule(seed)
    schedule.play(400)
    for operation in schedule.told:
        if ENERGY not in operation.found:
            continue
        overlaps = any(
            max(start, operation.start, other.start) < min(end, other.end)
            for start, end, _ in schedule.stretches(operation.samples)
            for other in schedule.told
            if other is not operation
        )
        assert operation.found[METHOD] == ("shared_split" if overlaps else "exclusive")


def test_sum_with_many_threads() -> None:
    """Real threads, a real clock, a sampler that goes on: nothing is lost, nothing is given twice."""
    usage = GpuUsage(3.0)
    began = time.monotonic_ns()
    usage.note(snapshot_at(began, gpu(0.0)))
    enough = threading.Event()
    told: list[dict[str, Any]] = []

    def serve(seed: int) -> None:
        chance = random.Random(seed)  # noqa: S311 - repeatable, not secret
        while not enough.is_set():
            use = usage.begin("gpu:0")
            assert use is not None
            if chance.random() < 0.5:
                time.sleep(chance.random() / 50)
            if chance.random() < 0.9:
                told.append(dict(use.end()))

    threads = [threading.Thread(target=serve, args=(seed,)) for seed in range(8)]
    for thread in threads:
        thread.start()
    for number in range(1, 151):
        time.sleep(0.01)
        usage.note(snapshot_at(time.monotonic_ns(), gpu(float(number))))
    enough.set()
    for thread in threads:
        thread.join()
    total = sum(nanojoules(found.get(ENERGY, 0.0)) for found in told)
    assert 0 < total <= 150 * NANOJOULES
    last = usage.begin("gpu:0")
    assert last is not None
    now = time.monotonic_ns()
    usage.note(snapshot_at(now, gpu(200.0)))
    usage.note(snapshot_at(now + SECOND // 100, gpu(300.0)))
    assert last.end()[METHOD] == "exclusive", "somebody who ended is still accounted for"


def test_nearly_all_is_given_where_operations_never_pause() -> None:
    """One long operation after the other: only the ends of each are nobody's."""
    usage = Usage()
    usage.note(snapshot(1.0, gpu(0.0)))
    total = 0
    for number in range(100):
        use = usage.begin_at(1.0 + number * 10)
        for second in range(1, 11):
            usage.sample(1.0 + number * 10 + second, gpu(70.0 * (number * 10 + second)))
        total += nanojoules(usage.end_at(11.0 + number * 10, use)[ENERGY])
    assert total == 70_000 * NANOJOULES
