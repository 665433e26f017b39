"""Prints metrics as a table a person can read: each metric with its unit, and below it a line per series."""

from collections import defaultdict
from itertools import groupby
from typing import Final

from metric_series import Series
from otlp_json import Attributes, AttributeValue
from trace_tree import LABELS, WIDTH, duration, shorten

_HEADINGS: Final = ("value", "count", "mean", "~p50")
_NUMBER_WIDTH: Final = 9
_TEXT_WIDTH: Final = WIDTH - len(_HEADINGS) * (_NUMBER_WIDTH + 1)


def render_metrics(all_series: list[Series]) -> str:
    """The table, and below it the attributes that would be the same on every line.

    A counter or gauge has a value; a histogram the number of values that it recorded, their mean and an estimate of
    their median from its buckets. All numbers are in the unit given.

    Args:
        all_series: Sorted by name, as `series_of` returns them.

    Returns:
        Lines of at most `WIDTH` characters, but for the last ones where an attribute is longer.
    """
    constant = _constant(all_series)
    lines = [_line("metric and unit; below it, what tells its series apart", list(_HEADINGS))]
    for name, group in groupby(all_series, key=lambda series: series.name):
        lines += _block(name, list(group), constant)
    pairs = [f"  {key}={_text(value)}" for key, value in sorted(constant.items())]
    return "\n".join([*lines, "", "The same on every line of a metric that has it:", *pairs])


def _block(name: str, members: list[Series], constant: Attributes) -> list[str]:
    unit = members[0].unit
    title = name if unit in {"", "1"} else f"{name}  {unit}"
    rows = [(_attributes(series, constant), _numbers(series)) for series in members]
    if len(rows) == 1 and not rows[0][0]:
        return [_line(title, rows[0][1])]
    return [title, *(_line(f"    {attributes or '-'}", numbers) for attributes, numbers in rows)]


def _line(text: str, numbers: list[str]) -> str:
    cells = [f"{shorten(text, _TEXT_WIDTH):<{_TEXT_WIDTH}}", *(f"{number:>{_NUMBER_WIDTH}}" for number in numbers)]
    return " ".join(cells).rstrip()


def _constant(all_series: list[Series]) -> Attributes:
    """The attributes that tell nothing apart: one value everywhere, and on all series of each metric that has them."""
    values: defaultdict[str, list[AttributeValue]] = defaultdict(list)
    sometimes_absent: set[str] = set()
    for _, group in groupby(all_series, key=lambda series: series.name):
        members = list(group)
        for key in {key for series in members for key in series.attributes}:
            found = [series.attributes[key] for series in members if key in series.attributes]
            values[key] += found
            if len(found) < len(members):
                sometimes_absent.add(key)
    same = {key for key, found in values.items() if all(value == found[0] for value in found)}
    return {key: values[key][0] for key in same - sometimes_absent}


def _attributes(series: Series, constant: Attributes) -> str:
    """The attributes of one series; a text speaks for itself, the rest needs a name."""
    parts = [
        value if isinstance(value, str) and key not in LABELS else f"{_label(key)}={_text(value)}"
        for key, value in sorted(series.attributes.items())
        if key not in constant
    ]
    return " ".join(dict.fromkeys(parts))


def _label(key: str) -> str:
    return LABELS.get(key) or key.rpartition(".")[2]


def _numbers(series: Series) -> list[str]:
    if series.kind != "histogram":
        return [_number(series.value, series.unit), "", "", ""]
    return [
        "",
        _number(series.count, ""),
        _number(series.mean, series.unit),
        _number(series.quantile(0.5), series.unit),
    ]


def _number(value: float | None, unit: str) -> str:
    if value is None:
        return "-"
    if unit == "s":
        return duration(value)
    whole = float(value).is_integer() and abs(value) < 10**_NUMBER_WIDTH
    return f"{value:.0f}" if whole else f"{value:.3g}"


def _text(value: AttributeValue) -> str:
    return ",".join(str(item) for item in value) if isinstance(value, list) else str(value)
