"""Tokens and GPU time that do not fit together.

Two patterns, both while a request is in flight all the time:

- *many tokens, idle GPU*: as many tokens as this model usually writes here, and the GPU waits for most of the time. The
  program is what limits it: Python, tokenizing, small batches, a model that is small for the GPU.
- *busy GPU, few tokens*: the GPU is at work nearly all the time, and a second of its time yields far fewer tokens than
  this model has been seen to write with it.

"Many" and "few" are relative to what this process has seen of the same model on the same GPU
(:mod:`paddle_otel.diagnosis.usual_yield`); "idle" and "busy" are shares of time, :data:`IDLE` and :data:`BUSY`.
"""

import math
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterable
from typing import Final, NamedTuple

from paddle_otel.conventions import attributes as a
from paddle_otel.conventions import events
from paddle_otel.diagnosis.finding import Finding
from paddle_otel.diagnosis.generation_window import GenerationWindow, GenerationWindows
from paddle_otel.diagnosis.usual_yield import MOST_MODELS, Usual, UsualYield
from paddle_otel.diagnosis.work import WORK, Work
from paddle_otel.hardware.nvml.gpus_in_use import IN_USE
from paddle_otel.sampling.snapshot import Snapshot

IDLE: Final = 0.3
"""A GPU that is at work for less than this share of the time waits; up to :data:`IDLE_UNTIL` an episode goes on."""
IDLE_UNTIL: Final = 0.4
MANY: Final = 0.5
"""Of the tokens per second that are usual: more are many; down to :data:`MANY_UNTIL` an episode goes on."""
MANY_UNTIL: Final = 0.4
BUSY: Final = 0.8
"""A GPU that is at work for more than this share of the time is busy; down to :data:`BUSY_UNTIL` an episode goes on."""
BUSY_UNTIL: Final = 0.7
FEW: Final = 0.5
"""Of the tokens per second of GPU time that are usual: fewer are few; up to :data:`FEW_UNTIL` an episode goes on."""
FEW_UNTIL: Final = 0.65
WINDOWS: Final = 3
"""Windows in a row that begin an episode, and that end one."""
FORGOTTEN: Final = 600.0
"""Seconds without a window that tells anything, after which an episode is over: nobody knows when it ended."""
MOST_EPISODES: Final = 2 * MOST_MODELS
"""Episodes that are followed, two of each model; the one that was not seen for longest goes first."""


_Key = tuple[str, str | None, str]
"""The GPU, the model and the pattern of an episode."""


class _Episode:
    """Begins and ends by several windows in a row; between two of them is no time."""

    def __init__(self) -> None:
        self.going_on = False
        self._in_a_row = 0
        self.seconds = 0.0
        self._ended = -math.inf

    def note(self, window: GenerationWindow, *, begins: bool, goes_on: bool) -> bool:
        """Return whether an episode begins with a window."""
        gap, self._ended = window.started - self._ended, window.ended
        if gap > 0:  # windows in between told nothing: these are not in a row
            self._in_a_row, self.seconds = 0, 0.0
            self.going_on = self.going_on and gap < FORGOTTEN
        changes = not goes_on if self.going_on else begins
        self.seconds = self.seconds + window.seconds if changes else 0.0
        self._in_a_row = self._in_a_row + 1 if changes else 0
        if self._in_a_row < WINDOWS:
            return False
        self.going_on, self._in_a_row = not self.going_on, 0
        return self.going_on


class _Pattern(NamedTuple):
    diagnosis: str
    fits: Callable[[GenerationWindow, Usual, bool], bool]
    advice: Callable[[str], str]


def _waits(window: GenerationWindow, usual: Usual, going_on: bool) -> bool:
    idle, many = (IDLE_UNTIL, MANY_UNTIL) if going_on else (IDLE, MANY)
    return window.utilization < idle and window.rate > many * usual.rate


def _yields_little(window: GenerationWindow, usual: Usual, going_on: bool) -> bool:
    if usual.per_gpu_second is None or window.yield_ is None:
        return False
    busy, few = (BUSY_UNTIL, FEW_UNTIL) if going_on else (BUSY, FEW)
    return window.utilization > busy and window.yield_ < few * usual.per_gpu_second


def _advice_on_idle(_: str) -> str:
    return (
        "The GPU waits for the program. Answer more requests in one batch; see whether process.cpu.utilization is near "
        "one core (Python feeds the GPU); an exported model (paddle.inference) has less overhead per step."
    )


def _advice_on_busy(throttled: str) -> str:
    if throttled:
        return f"Clocks are held down ({throttled}): see to cooling and to the power limit."
    return (
        "The GPU works, and yields few tokens. Look for smaller batches than before (paddle.batch_size), much longer "
        "prompts (gen_ai.usage.input_tokens), and other work of this process on the GPU."
    )


_PATTERNS: Final = (
    _Pattern(a.DIAGNOSIS_IDLE_GPU, _waits, _advice_on_idle),
    _Pattern(a.DIAGNOSIS_BUSY_GPU, _yields_little, _advice_on_busy),
)


class Bottleneck:
    """Looks for both patterns.

    Args:
        work: Knows how many tokens were written.
        runs_on: Whether operations run on the GPU of a CUDA ordinal now.
    """

    def __init__(self, work: Work = WORK, runs_on: Callable[[int | None], bool] = IN_USE.covers) -> None:
        self._work = work
        self._runs_on = runs_on
        self.forget()

    @property
    def name(self) -> str:
        """``bottlenecks``."""
        return "bottlenecks"

    @property
    def ongoing(self) -> Collection[str]:
        """Nothing: only a process that has the GPU for itself finds anything."""
        return ()

    def look(self, snapshot: Snapshot) -> Iterable[Finding]:
        """Return the patterns that begin."""
        tokens = self._work.output_tokens()
        window = self._windows.note(snapshot, None if tokens is None else dict(tokens))
        usual = self._usual.note(window) if window is not None else None
        if window is None or usual is None:
            return
        for pattern in _PATTERNS:
            episode = self._episode((window.gpu.identity.uuid, window.model, pattern.diagnosis))
            begins, goes_on = (pattern.fits(window, usual, going_on) for going_on in (False, True))
            if episode.note(window, begins=begins, goes_on=goes_on):
                yield Finding(events.BOTTLENECK, _known(pattern, episode.seconds, window, usual), snapshot.wall)

    def _episode(self, key: _Key) -> _Episode:
        episode = self._episodes.setdefault(key, _Episode())
        self._episodes.move_to_end(key)
        if len(self._episodes) > MOST_EPISODES:
            self._episodes.popitem(last=False)
        return episode

    def forget(self) -> None:
        """Begin anew."""
        self._windows = GenerationWindows(self._runs_on)
        self._usual = UsualYield()
        self._episodes: OrderedDict[_Key, _Episode] = OrderedDict()


def _known(pattern: _Pattern, seconds: float, window: GenerationWindow, usual: Usual) -> dict[str, str | int | float]:
    gpu = window.gpu
    throttled = ", ".join(sorted(reason for reason, active in gpu.throttle_active.items() if active))
    known: dict[str, str | int | float | None] = {
        a.HW_ID: gpu.identity.uuid,
        a.HW_NAME: gpu.identity.name,
        a.PADDLE_DEVICE: None if gpu.ordinal is None else f"gpu:{gpu.ordinal}",
        a.GEN_AI_REQUEST_MODEL: window.model,
        a.PADDLE_GPU_THROTTLE_REASON: throttled or None,
        a.PADDLE_BOTTLENECK_DIAGNOSIS: pattern.diagnosis,
        a.PADDLE_BOTTLENECK_ADVICE: pattern.advice(throttled),
        a.PADDLE_BOTTLENECK_DURATION: seconds,
        a.PADDLE_BOTTLENECK_GPU_UTILIZATION: window.utilization,
        a.PADDLE_BOTTLENECK_TOKENS_PER_SECOND: window.rate,
        a.PADDLE_BOTTLENECK_HIGH_TOKENS_PER_SECOND: usual.rate,
        a.PADDLE_BOTTLENECK_TOKENS_PER_GPU_SECOND: window.yield_,
        a.PADDLE_BOTTLENECK_HIGH_TOKENS_PER_GPU_SECOND: usual.per_gpu_second,
    }
    return {key: value for key, value in known.items() if value is not None}
