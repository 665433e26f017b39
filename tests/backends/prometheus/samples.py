"""What Prometheus's query API gives back, typed."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from backends.queries import BackendError


@dataclass(frozen=True)
class Sample:
    """One value of one series; ``name`` is empty for the result of an expression, ``time_s`` is seconds since 1970."""

    name: str
    labels: dict[str, str]
    value: float
    time_s: float


@dataclass(frozen=True)
class Exemplar:
    """One observation kept with the context it was made in; ``labels`` holds ``trace_id`` and ``span_id``."""

    series_name: str
    series_labels: dict[str, str]
    labels: dict[str, str]
    value: float
    time_s: float


@dataclass(frozen=True)
class Metadata:
    """What Prometheus knows about a metric, in its own words.

    Attributes:
        type: ``counter``, ``gauge`` or ``histogram``; an up-down counter arrives as a gauge.
        unit: ``seconds``, ``bytes``, …; empty for ``1`` and for units in braces, which Prometheus drops.
    """

    type: str
    unit: str


@dataclass(frozen=True)
class Series:
    """One series: a name with one set of labels."""

    name: str
    labels: dict[str, str]
    metadata: Metadata


def read_samples(data: Mapping[str, Any]) -> list[Sample]:
    """Returns the ``data`` of an instant query's answer as samples.

    Raises:
        BackendError: the answer is no number per series: a range, a string or a native histogram.
    """
    if data["resultType"] == "scalar":
        return [_sample({}, data["result"])]
    if data["resultType"] == "vector" and all("value" in one for one in data["result"]):
        return [_sample(one["metric"], one["value"]) for one in data["result"]]
    raise BackendError(f"The query gives no single number per series: {str(data)[:500]}")


def read_exemplars(data: list[dict[str, Any]]) -> list[Exemplar]:
    """Returns the ``data`` of an exemplar query's answer, oldest first."""
    found: list[Exemplar] = []
    for series in data:
        name, labels = _split_name(series["seriesLabels"])
        found.extend(
            Exemplar(name, labels, one["labels"], float(one["value"]), float(one["timestamp"]))
            for one in series["exemplars"]
        )
    return sorted(found, key=lambda exemplar: exemplar.time_s)


def read_series(data: list[dict[str, str]]) -> list[Series]:
    """Returns the ``data`` of a series query's answer, from a Prometheus that writes ``__type__`` and ``__unit__``."""
    return [
        Series(*_split_name(labels), Metadata(labels.get("__type__", ""), labels.get("__unit__", "")))
        for labels in data
    ]


def _sample(metric: Mapping[str, str], value: tuple[float, str]) -> Sample:
    name, labels = _split_name(metric)
    return Sample(name, labels, float(value[1]), value[0])


def _split_name(labels: Mapping[str, str]) -> tuple[str, dict[str, str]]:
    """Returns name and plain labels; what starts with two underscores is Prometheus's own, not the sender's."""
    return labels.get("__name__", ""), {key: value for key, value in labels.items() if not key.startswith("__")}
