"""What a model has been seen to do in this process: the scale for "many" and "few" tokens."""

from collections import OrderedDict, deque
from typing import Final, NamedTuple

from paddle_otel.diagnosis.generation_window import GenerationWindow

KEPT: Final = 360
"""Windows of a model that are remembered: an hour of work."""
FEWEST: Final = 12
"""Windows before which nothing is known of a model: two minutes of work."""
HIGH_QUANTILE: Final = 0.9
"""Nine of ten windows had less."""
LEAST_BUSY: Final = 0.1
"""Utilization below which the tokens of a second of GPU time say nothing: the driver rounds it."""
MOST_MODELS: Final = 16
"""Models that are remembered; the one that was not seen for longest goes first."""


class Usual(NamedTuple):
    """What a model does when it does well.

    Attributes:
        rate: Tokens per second.
        per_gpu_second: Tokens per second of GPU time, ``None`` while too few windows tell.
    """

    rate: float
    per_gpu_second: float | None


class _Known:
    def __init__(self) -> None:
        self.rates: deque[float] = deque(maxlen=KEPT)
        self.yields: deque[float] = deque(maxlen=KEPT)


class UsualYield:
    """Remembers windows by GPU and model."""

    def __init__(self) -> None:
        self._known: OrderedDict[tuple[str, str | None], _Known] = OrderedDict()

    def note(self, window: GenerationWindow) -> Usual | None:
        """Return what its model usually does, ``None`` while that is not known; then add a window."""
        key = (window.gpu.identity.uuid, window.model)
        known = self._known.setdefault(key, _Known())
        self._known.move_to_end(key)
        if len(self._known) > MOST_MODELS:
            self._known.popitem(last=False)
        usual = None
        if len(known.rates) >= FEWEST:
            usual = Usual(_high(known.rates), _high(known.yields) if len(known.yields) >= FEWEST else None)
        known.rates.append(window.rate)
        if window.yield_ is not None and window.utilization >= LEAST_BUSY:
            known.yields.append(window.yield_)
        return usual


def _high(values: deque[float]) -> float:
    return sorted(values)[int(HIGH_QUANTILE * (len(values) - 1))]
