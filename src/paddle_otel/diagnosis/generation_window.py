"""Tokens and GPU time of the same few seconds."""

from collections.abc import Callable
from typing import Final, NamedTuple

from paddle_otel.diagnosis.work import TokensByModel
from paddle_otel.hardware.nvml import KIND
from paddle_otel.hardware.nvml.reading import GpuReading
from paddle_otel.sampling.snapshot import Snapshot

SECONDS: Final = 10.0
SAMPLES: Final = 5
"""A window takes at least so many seconds and samples."""
LONGEST: Final = 60.0
"""Seconds for which a window waits until it is known how many tokens were written."""
LONGEST_PAUSE: Final = 3.0
"""Times the mean pause between samples: a longer one hides what happened in it."""
MOST_WORKING: Final = 0.9
"""Share of the samples at which an operation must run: a GPU that nobody asks anything of is idle for a good reason."""
LEAST_ALONE: Final = 0.5
"""Share of the samples at which this process must have been seen alone on the GPU; at none may another one be seen."""
ONE_MODEL: Final = 0.9
"""Share of the tokens that must be one model's."""


class GenerationWindow(NamedTuple):
    """What one GPU and one model did meanwhile.

    Attributes:
        gpu: The last reading.
        model: The model, ``None`` when it has no name.
        seconds: How long it was.
        tokens: Tokens written.
        busy: Seconds in which the GPU was at work.
        started: When it began, seconds of the clock of snapshots.
        ended: When it ended.
    """

    gpu: GpuReading
    model: str | None
    seconds: float
    tokens: int
    busy: float
    started: float
    ended: float

    @property
    def rate(self) -> float:
        """Tokens per second."""
        return self.tokens / self.seconds

    @property
    def utilization(self) -> float:
        """Share of the time in which the GPU was at work."""
        return self.busy / self.seconds

    @property
    def yield_(self) -> float | None:
        """Tokens per second of GPU time, ``None`` without any."""
        return self.tokens / self.busy if self.busy > 0 else None


class _Sum:
    """What is added up until the window is long enough."""

    def __init__(self, started: float, tokens: TokensByModel) -> None:
        self.started = self.last = started
        self.tokens = tokens
        self.busy = 0.0
        self.longest_pause = 0.0
        self.samples = self.working = self.alone = 0
        self.can_be_told = True
        self.uuid: str | None = None


class GenerationWindows:
    """Makes windows of samples, where it can be told whose tokens and whose GPU time they are.

    Not where MIG splits the GPU, another process is on it, this process uses several GPUs, or several models write.

    Args:
        runs_on: Whether operations run on the GPU of a CUDA ordinal now.
    """

    def __init__(self, runs_on: Callable[[int | None], bool]) -> None:
        self._runs_on = runs_on
        self._sum: _Sum | None = None

    def note(self, snapshot: Snapshot, tokens: TokensByModel | None) -> GenerationWindow | None:
        """Add a sample; return the window that it ends, ``None`` where none ends or it tells nothing.

        Args:
            snapshot: The sample.
            tokens: Tokens written so far by model; ``None`` while that is not known, so that no window begins or ends.
        """
        now = snapshot.started / 1e9
        gpus = KIND.readings(snapshot) or ()
        window = self._sum
        if window is None or (tokens is None and now - window.started > LONGEST):
            self._sum = None if tokens is None else _Sum(now, tokens)
            return None
        gpu = self._own_gpu(gpus)
        self._add(window, gpu, now)
        if tokens is None or now - window.started < SECONDS or window.samples < SAMPLES:
            return None
        self._sum = _Sum(now, tokens)
        return _told(window, gpu, now, tokens)

    def _own_gpu(self, gpus: tuple[GpuReading, ...]) -> GpuReading | None:
        own = [gpu for gpu in gpus if self._runs_on(gpu.ordinal) or (gpu.process is not None and gpu.process.alone)]
        return own[0] if len(own) == 1 else None

    def _add(self, window: _Sum, gpu: GpuReading | None, now: float) -> None:
        pause, window.last = now - window.last, now
        window.longest_pause = max(window.longest_pause, pause)
        window.samples += 1
        if gpu is None:
            return
        window.uuid = window.uuid or gpu.identity.uuid
        if gpu.mig or gpu.utilization is None or gpu.identity.uuid != window.uuid:
            window.can_be_told = False
            return
        alone = gpu.process.alone if gpu.process is not None else None
        window.can_be_told &= alone is not False
        window.alone += alone is True
        window.working += self._runs_on(gpu.ordinal)
        window.busy += gpu.utilization * pause


def _told(window: _Sum, gpu: GpuReading | None, now: float, tokens: TokensByModel) -> GenerationWindow | None:
    seconds = now - window.started
    gaps = window.longest_pause > LONGEST_PAUSE * seconds / window.samples
    seen = window.working >= MOST_WORKING * window.samples and window.alone >= LEAST_ALONE * window.samples
    if gpu is None or gaps or not seen or not window.can_be_told:
        return None
    written = {model: count - window.tokens.get(model, 0) for model, count in tokens.items()}
    model = max(written, key=lambda one: written[one], default=None)
    most, everything = written.get(model, 0), sum(written.values())
    if most <= 0 or min(written.values()) < 0 or most < ONE_MODEL * everything:
        return None
    return GenerationWindow(gpu, model, seconds, everything, window.busy, window.started, now)
