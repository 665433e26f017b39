"""Metric series out of OTLP/JSON, each brought to its state at the end."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import product
from typing import Any, Final, Literal

from otlp_json import Attributes, attributes_of

Kind = Literal["sum", "gauge", "histogram"]

_KINDS: Final[tuple[Kind, ...]] = ("sum", "gauge", "histogram")
_DELTA: Final = {1, "AGGREGATION_TEMPORALITY_DELTA"}


@dataclass(frozen=True)
class Series:
    """The last state of one metric under one set of attributes, reported by one process.

    Attributes:
        process: The resource that reported it.
        unit: In the notation of OpenTelemetry (UCUM): `s`, `By`, `{token}`.
        value: A sum's or gauge's value; of a histogram, the sum of what was recorded.
        count: How many values a histogram has recorded, else 0.
        bounds: The upper bounds of a histogram's buckets but the last, which has none.
        buckets: How many values each bucket holds.
        smallest: The smallest recorded value, where the histogram tells it.
        largest: The largest.
    """

    process: str
    name: str
    unit: str
    kind: Kind
    attributes: Attributes
    value: float
    count: int = 0
    bounds: tuple[float, ...] = ()
    buckets: tuple[int, ...] = ()
    smallest: float | None = None
    largest: float | None = None

    @property
    def mean(self) -> float | None:
        """The mean of what a histogram recorded."""
        return self.value / self.count if self.count else None

    def quantile(self, fraction: float) -> float | None:
        """Estimates a quantile: linear within its bucket, as Prometheus does, and within what was really recorded."""
        rank, seen = fraction * self.count, 0
        edges = [self._edge(self.smallest, 0.0), *self.bounds, self._edge(self.largest, float("inf"))]
        for index, held in enumerate(self.buckets):
            if held and seen + held >= rank:
                low, high = max(edges[index], edges[0]), min(edges[index + 1], edges[-1])
                return low if high == float("inf") else low + (high - low) * (rank - seen) / held
            seen += held
        return None

    @staticmethod
    def _edge(recorded: float | None, otherwise: float) -> float:
        return otherwise if recorded is None else recorded


def series_of(requests: list[dict[str, Any]]) -> list[Series]:
    """All series of OTLP/JSON metric export requests, sorted by name.

    A cumulative point replaces the one before it, a delta point is added to it.
    """
    states: dict[str, Series] = {}
    for point in sorted(_points(requests), key=lambda point: int(point.data.get("timeUnixNano", 0))):
        series = _series(point)
        key = repr((series.process, series.name, sorted(series.attributes.items())))
        before = states.get(key)
        states[key] = _added(before, series) if before and point.is_delta else series
    return sorted(states.values(), key=lambda series: (series.name, repr(series.attributes), series.process))


@dataclass(frozen=True)
class _Point:
    """One data point as exported, and what stands around it."""

    process: str
    metric: dict[str, Any]
    kind: Kind
    data: dict[str, Any]

    @property
    def is_delta(self) -> bool:
        return self.metric[self.kind].get("aggregationTemporality") in _DELTA


def _points(requests: list[dict[str, Any]]) -> Iterator[_Point]:
    for request in requests:
        for resource in request.get("resourceMetrics", []):
            process = repr(resource.get("resource"))
            metrics = [metric for scope in resource.get("scopeMetrics", []) for metric in scope.get("metrics", [])]
            for metric, kind in product(metrics, _KINDS):
                for data in metric.get(kind, {}).get("dataPoints", []):
                    yield _Point(process, metric, kind, data)


def _series(point: _Point) -> Series:
    name, unit, data = point.metric["name"], point.metric.get("unit", ""), point.data
    series = Series(point.process, name, unit, point.kind, attributes_of(data), 0.0)
    if point.kind != "histogram":
        return replace(series, value=float(data.get("asInt", data.get("asDouble", 0))))
    return replace(
        series,
        value=float(data.get("sum", 0)),
        count=int(data.get("count", 0)),
        bounds=tuple(float(bound) for bound in data.get("explicitBounds", [])),
        buckets=tuple(int(held) for held in data.get("bucketCounts", [])),
        smallest=data.get("min"),
        largest=data.get("max"),
    )


def _added(before: Series, more: Series) -> Series:
    smallest = [value for value in (before.smallest, more.smallest) if value is not None]
    largest = [value for value in (before.largest, more.largest) if value is not None]
    return replace(
        more,
        value=before.value + more.value,
        count=before.count + more.count,
        buckets=tuple(map(sum, zip(before.buckets, more.buckets, strict=True))),
        smallest=min(smallest, default=None),
        largest=max(largest, default=None),
    )
