"""What a figure shows behind its lines, of samples of which the older ones are gone."""

from types import SimpleNamespace
from typing import Any

import pytest

from observed import returning
from paddle_otel.activity import DECODE, IDLE, PREFILL
from paddle_otel.monitor.history import Moment
from paddle_otel.monitor.plot import plotted
from paddle_otel.monitor.quantities import QUANTITIES
from paddle_otel.monitor.rows import Row


def rows(first: int, kinds: list[str]) -> list[Row]:
    """Return a sample a second, with what Paddle did before each."""
    values = [1.0] * len(QUANTITIES)
    return [(Moment(0, float(first + n), ((kind, 1.0),)), "GPU-0", "gpu:0", values) for n, kind in enumerate(kinds)]


class Part:
    """What is drawn with, and keeps it."""

    def __init__(self) -> None:
        self.spans: list[tuple[float, float, str]] = []

    def axvspan(self, start: float, end: float, *, label: str, **_: object) -> None:
        """Keep the background."""
        self.spans.append((start, end, label))

    def __getattr__(self, name: str) -> Any:
        """Have lines, labels and a legend too."""
        return returning(name)


@pytest.fixture
def part(monkeypatch: pytest.MonkeyPatch) -> Part:
    """The only part of each figure."""
    made = Part()

    class Parts:
        """As NumPy has them."""

        def __getitem__(self, _: object) -> list[Part]:
            return [made]

    figure = SimpleNamespace(subplots=returning(Parts()))
    matplotlib = SimpleNamespace(Figure=returning(figure))
    monkeypatch.setattr("paddle_otel.monitor.plot.optional", returning(matplotlib))
    return made


def test_the_background_begins_with_the_first_sample_that_is_kept(part: Part) -> None:
    """What was before it is not known: the hour that is gone is not coloured."""
    plotted(rows(5000, [DECODE] * 10), ["power_watts"])
    assert part.spans == [(5000.0, 5009.0, "decode")]


def test_each_colour_is_named_once(part: Part) -> None:
    """A legend leaves out what begins with an underscore."""
    plotted(rows(0, [IDLE, PREFILL, DECODE, DECODE, IDLE, PREFILL, "own", DECODE]), ["power_watts"])
    assert part.spans == [
        (0.0, 1.0, "prefill"),
        (1.0, 3.0, "decode"),
        (4.0, 5.0, "_prefill"),
        (5.0, 6.0, "own"),
        (6.0, 7.0, "_decode"),
    ]


def test_one_sample_has_no_background(part: Part) -> None:
    """Nor has none."""
    plotted(rows(7, [DECODE]), ["power_watts"])
    plotted([], ["power_watts"])
    assert part.spans == []
