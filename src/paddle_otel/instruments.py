"""Creates OpenTelemetry instruments from the metrics written down in :mod:`paddle_otel.conventions`."""

from collections.abc import Callable, Iterable

from opentelemetry.metrics import (
    CallbackOptions,
    Counter,
    Histogram,
    Meter,
    Observation,
    UpDownCounter,
)

from paddle_otel.conventions.metric import Metric

ObservableCallback = Callable[[CallbackOptions], Iterable[Observation]]


def histogram(meter: Meter, metric: Metric) -> Histogram:
    """Create a histogram with the metric's bucket bounds."""
    return meter.create_histogram(
        metric.name,
        unit=metric.unit,
        description=metric.description,
        explicit_bucket_boundaries_advisory=metric.buckets,
    )


def counter(meter: Meter, metric: Metric) -> Counter:
    """Create a counter."""
    return meter.create_counter(metric.name, unit=metric.unit, description=metric.description)


def up_down_counter(meter: Meter, metric: Metric) -> UpDownCounter:
    """Create an up-down counter."""
    return meter.create_up_down_counter(metric.name, unit=metric.unit, description=metric.description)


def observable(meter: Meter, metric: Metric, callback: ObservableCallback) -> None:
    """Create the observable instrument of the metric's kind.

    Creating one twice on the same provider silently drops the second callback, so an owner creates each once per
    provider and lets the callback yield nothing while it is switched off.

    Args:
        meter: Where to create it.
        metric: A metric of an ``observable_*`` kind.
        callback: Called at each collection; must only read what is already known, never wait.

    Raises:
        ValueError: The metric is not observable.
    """
    match metric.kind:
        case "observable_counter":
            create = meter.create_observable_counter
        case "observable_up_down_counter":
            create = meter.create_observable_up_down_counter
        case "observable_gauge":
            create = meter.create_observable_gauge
        case _:
            raise ValueError(f"{metric.name} is a {metric.kind}, which has no callback")
    create(metric.name, [callback], unit=metric.unit, description=metric.description)
