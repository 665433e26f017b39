"""What the diagnosis costs at each sample: ``python tests/benchmarks/bench_diagnosis.py``.

Eight GPUs whose memory rises, so that every scale of time has a trend to look at, with Paddle's allocator on each, the
host and the container; tokens are written all the time. The samples are made up:
only the rules are measured, in CPU time.
"""

import statistics
import sys
import time
import tracemalloc
from pathlib import Path
from typing import Final

from rows import Row, row, table

sys.path.insert(0, str(Path(__file__).parents[1]))

from fake_nvml.samples import gpu as gpu_of
from fake_nvml.samples import snapshot
from paddle_otel.diagnosis.bottleneck import Bottleneck
from paddle_otel.diagnosis.memory_pressure import MemoryPressure
from paddle_otel.diagnosis.rule import Rule
from paddle_otel.diagnosis.work import CacheUse, Work
from paddle_otel.hardware.host.reading import HostReading, Memory
from paddle_otel.hardware_metrics.allocator import AllocatorReading
from paddle_otel.sampling.snapshot import Snapshot

GPUS: Final = 8
SAMPLES: Final = 3000
ROUNDS: Final = 5
GIB: Final = 1024**3
MICROSECONDS: Final = 1e6


def run() -> list[Row]:
    """Measure.

    Returns:
        The rows of the table.
    """
    work = Work()
    tokens: dict[str | None, int] = {"model": 0}
    work.tell_by(lambda: tokens, lambda: {f"gpu:{number}": CacheUse(GIB, 2 * GIB) for number in range(GPUS)})
    snapshots = [_snapshot(number) for number in range(SAMPLES)]

    def measure(rule: Rule) -> tuple[float, float]:
        costs: list[float] = []
        for one in snapshots:
            tokens["model"] += 100
            before = time.thread_time()
            tuple(rule.look(one))
            costs.append((time.thread_time() - before) * MICROSECONDS)
        return statistics.mean(costs), sorted(costs)[int(0.99 * len(costs))]

    rows: list[Row] = []
    for name, make in (
        ("memory pressure", lambda: MemoryPressure(work)),
        ("bottlenecks", lambda: Bottleneck(work, lambda ordinal: ordinal == 0)),
    ):
        rounds = [measure(make()) for _ in range(ROUNDS)]
        mean, high = (statistics.median(one[place] for one in rounds) for place in (0, 1))
        rows.append(row("diagnosis", f"{name}: one sample of {GPUS} GPUs", mean, "us"))
        rows.append(row("diagnosis", f"{name}: the same, slowest of a hundred", high, "us"))
    return [*rows, _memory(work, snapshots)]


def main() -> None:
    """Print the table."""
    sys.stdout.write(table(run()) + "\n")


def _memory(work: Work, snapshots: list[Snapshot]) -> Row:
    tracemalloc.start()
    rules: tuple[Rule, ...] = (MemoryPressure(work), Bottleneck(work, lambda ordinal: ordinal == 0))
    for one in snapshots:
        for rule in rules:
            tuple(rule.look(one))
    size = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    return row("diagnosis", f"memory of all rules after {SAMPLES} samples of {GPUS} GPUs", size / 2**10, "KiB")


def _snapshot(number: int) -> Snapshot:
    used = int((10 + 69 * number / SAMPLES) * GIB)
    gpus = [
        gpu_of(ordinal=one, uuid=f"GPU-{one}", memory_used=used, memory_total=80 * GIB, utilization=0.5)
        for one in range(GPUS)
    ]
    made = snapshot(100.0 + number, *gpus)
    pools = tuple(AllocatorReading(f"gpu:{one}", used // 2, used - GIB, used) for one in range(GPUS))
    memory = Memory(100 * GIB, None, None, None, None, 50 * GIB)
    others = {"allocator": pools, "host": HostReading(None, None, None, memory, None, None)}
    return Snapshot(made.started, made.finished, made.wall, {**made.readings, **others}, made.durations)


if __name__ == "__main__":
    main()
