"""Statistics as text for a terminal."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from paddle_otel.monitor.quantities import QUANTITIES
from paddle_otel.monitor.statistics import DeviceStatistics, GPUStatistics
from paddle_otel.monitor.summary import Summary

HEADINGS: Final = ("", "samples", "mean", "min", "max", "p50", "p90", "p95", "p99", "unit")
ACTIVITY_HEADINGS: Final = ("", "seconds", "energy J", "utilization %", "power W", "memory used GiB")
_OF_ACTIVITY: Final = ("utilization_percent", "power_watts", "memory_used_bytes")
_BY_NAME: Final = {quantity.name: quantity for quantity in QUANTITIES}
_UNKNOWN: Final = "-"


def as_text(statistics: GPUStatistics) -> str:
    """Return a headline and two tables for each GPU."""
    parts = [headline(statistics)]
    for device in statistics.devices:
        parts += ["", title(device)]
        parts += _aligned([HEADINGS, *quantity_rows(device.quantities)])
        parts += ["", *_aligned([ACTIVITY_HEADINGS, *activity_rows(device)])]
    return "\n".join(parts)


def headline(statistics: GPUStatistics) -> str:
    """Return what is known of the measurement as a whole."""
    told = [
        f"GPU monitor {'running' if statistics.running else 'stopped'}: {statistics.duration_seconds:.1f} s",
        f"{statistics.samples} samples",
    ]
    if statistics.energy_joules is not None:
        told.append(f"{statistics.energy_joules:.1f} J")
    trouble = "" if statistics.status == "ok" else f"\n{statistics.status}: {statistics.message}"
    return ", ".join(told) + trouble


def title(device: DeviceStatistics) -> str:
    """Return which GPU it is and what it used."""
    told = [device.device or "", device.name or "", device.uuid]
    energy = "energy not known"
    if device.energy_joules is not None:
        how = "" if device.energy_method == "counter" else f" ({device.energy_method})"
        energy = f"{device.energy_joules:.1f} J{how} in {device.energy_seconds:.1f} s"
    return f"{'  '.join(filter(None, told))}: {energy}{', LOST' if device.lost else ''}"


def quantity_rows(quantities: Mapping[str, Summary]) -> Iterable[tuple[str, ...]]:
    """Yield a row for each value."""
    for name, summary in quantities.items():
        quantity = _BY_NAME[name]
        values = (
            *(summary.mean, summary.min, summary.max),
            *(summary.p50, summary.p90, summary.p95, summary.p99),
        )
        shown = (number(value, quantity.scale) for value in values)
        yield (quantity.title, str(summary.count), *shown, quantity.unit)


def activity_rows(device: DeviceStatistics) -> Iterable[tuple[str, ...]]:
    """Yield a row for each kind of activity: how long, how much energy, and some means."""
    for kind, one in device.activities.items():
        found = (one.quantities.get(name) for name in _OF_ACTIVITY)
        means = (
            number(summary.mean if summary else None, _BY_NAME[name].scale)
            for name, summary in zip(_OF_ACTIVITY, found, strict=True)
        )
        yield (kind, f"{one.seconds:.1f}", number(one.energy_joules, 1.0), *means)


def number(value: float | None, scale: float) -> str:
    """Return a number as it is shown, a dash for one that is not known."""
    return _UNKNOWN if value is None else f"{value / scale:.1f}"


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            cell.ljust(width) if place == 0 else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
