"""Draws samples with matplotlib, where that is installed."""

from collections.abc import Iterable, Sequence
from typing import Any, Final

from paddle_otel.activity import IDLE, KINDS
from paddle_otel.monitor.quantities import QUANTITIES, Quantity
from paddle_otel.monitor.rows import Row
from paddle_otel.monitor.table import optional

USUAL: Final = ("utilization_percent", "memory_used_bytes", "power_watts")
_HEIGHT: Final = 2.2
"""Inches of one value's part of the figure."""
_WIDTH: Final = 9.0
_COLORS: Final[dict[str, str]] = dict(
    zip(KINDS, ("tab:orange", "tab:blue", "tab:green", "tab:purple", "tab:red"), strict=True)
)
_OTHER_COLOR: Final = "tab:gray"


def plotted(rows: Iterable[Row], names: Sequence[str]) -> Any:
    """Return a figure with one part for each value and one line for each GPU.

    Args:
        rows: What is drawn.
        names: Which values; none for the usual ones.

    Raises:
        ImportError: matplotlib is not installed.
        ValueError: There is no such value.
    """
    by_name = {quantity.name: (place, quantity) for place, quantity in enumerate(QUANTITIES)}
    unknown = [name for name in names if name not in by_name]
    if unknown:
        raise ValueError(f"no such value: {', '.join(unknown)}; there are: {', '.join(by_name)}.")
    # Not pyplot: it would choose a window system, and keep every figure for ever.
    figures: Any = optional("matplotlib.figure", "plot()")
    wanted = [by_name[name] for name in names or USUAL]
    gpus: dict[str, list[Row]] = {}
    for row in rows:
        gpus.setdefault(row[2] or row[1], []).append(row)
    figure: Any = figures.Figure(figsize=(_WIDTH, _HEIGHT * len(wanted)), layout="constrained")
    parts: Any = figure.subplots(len(wanted), 1, sharex=True, squeeze=False)[:, 0]
    for part, (place, quantity) in zip(parts, wanted, strict=True):
        _draw(part, gpus, place, quantity)
    parts[-1].set_xlabel("seconds since the start")
    if gpus:
        parts[0].legend(loc="upper left", fontsize="small")
    return figure


def _draw(part: Any, gpus: dict[str, list[Row]], place: int, quantity: Quantity) -> None:
    for name, rows in gpus.items():
        part.plot([moment.elapsed for moment, *_ in rows], [row[3][place] / quantity.scale for row in rows], label=name)
    nothing: list[Row] = []
    named: set[str] = set()
    for start, end, kind in _stretches(next(iter(gpus.values()), nothing)):
        label = f"_{kind}" if kind in named else kind  # a legend leaves out what begins with an underscore
        part.axvspan(start, end, color=_COLORS.get(kind, _OTHER_COLOR), alpha=0.15, linewidth=0, label=label)
        named.add(kind)
    part.set_ylabel(f"{quantity.title}, {quantity.unit}")


def _stretches(rows: Sequence[Row]) -> list[tuple[float, float, str]]:
    """Return when Paddle mostly did what, without the time in which it did nothing."""
    found: list[tuple[float, float, str]] = []
    before = rows[0][0].elapsed if rows else 0.0  # what was before the samples that are kept is not known
    for moment, *_ in rows[1:]:
        kind = max(moment.shares, key=lambda share: share[1])[0]
        if kind != IDLE:
            if found and found[-1][1:] == (before, kind):
                before, _, _ = found.pop()
            found.append((before, moment.elapsed, kind))
        before = moment.elapsed
    return found
