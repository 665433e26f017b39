"""The real backends as context managers: what a test imports.

with Jaeger() as jaeger:
    ...send spans to jaeger.otlp_http_endpoint...
    (trace,) = jaeger.wait_for_traces("my-service")
"""

from backends.jaeger.server import Jaeger
from backends.jaeger.spans import AttributeValue, JaegerEvent, JaegerSpan, JaegerTrace
from backends.prometheus.samples import Exemplar, Metadata, Sample, Series
from backends.prometheus.server import Prometheus
from backends.queries import BackendError, NotFoundError

__all__ = [
    "AttributeValue",
    "BackendError",
    "Exemplar",
    "Jaeger",
    "JaegerEvent",
    "JaegerSpan",
    "JaegerTrace",
    "Metadata",
    "NotFoundError",
    "Prometheus",
    "Sample",
    "Series",
]
