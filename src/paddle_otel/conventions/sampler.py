"""Metrics of the sampler: the plugin watching itself."""

from typing import Final

from paddle_otel.conventions import attributes as a
from paddle_otel.conventions.metric import Metric

DURATION: Final = Metric(
    "paddle.sampler.duration",
    "histogram",
    "s",
    "How long reading one source took.",
    (a.PADDLE_SAMPLER_SOURCE,),
    (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0),
)
ERRORS: Final = Metric(
    "paddle.sampler.errors",
    "observable_counter",
    "{error}",
    "How often reading a source failed as a whole; a single value that fails is absent.",
    (a.PADDLE_SAMPLER_SOURCE,),
)
LAST_SUCCESS: Final = Metric(
    "paddle.sampler.last_success",
    "observable_gauge",
    "s",
    "When a source was last read with success, Unix time.",
    (a.PADDLE_SAMPLER_SOURCE,),
)

ALL: Final = tuple(value for value in tuple(globals().values()) if isinstance(value, Metric))
