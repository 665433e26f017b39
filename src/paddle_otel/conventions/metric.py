"""What a metric is: the one shape in which all metrics of this project are written down."""

from dataclasses import dataclass, field
from typing import Literal

InstrumentKind = Literal[
    "counter",
    "up_down_counter",
    "histogram",
    "observable_counter",
    "observable_up_down_counter",
    "observable_gauge",
]


@dataclass(frozen=True)
class Metric:
    """One metric of the contract.

    Attributes:
        name: The metric's name.
        kind: The OpenTelemetry instrument that writes it.
        unit: UCUM unit.
        description: One sentence for people; arrives in the back end.
        attributes: Keys that a data point may carry, for the reference page and the tests.
        buckets: Bucket bounds of a histogram in the metric's unit. Always given for histograms: the SDK's default
            bounds (0 to 10,000) say nothing about seconds or tokens.
    """

    name: str
    kind: InstrumentKind
    unit: str
    description: str
    attributes: tuple[str, ...] = ()
    buckets: tuple[float, ...] = field(default=())
