"""Spans as the trace tree and the demo's checks need them."""

from collections import defaultdict
from dataclasses import dataclass
from typing import Any

from otlp_json import Attributes, attributes_of

_STATUS_ERROR = 2


@dataclass(frozen=True)
class Span:
    """One finished span; `start` and `end` are nanoseconds since 1970."""

    trace_id: str
    span_id: str
    parent_id: str
    name: str
    start: int
    end: int
    failed: bool
    attributes: Attributes

    @property
    def seconds(self) -> float:
        """How long it took."""
        return (self.end - self.start) / 1e9


def spans_of(requests: list[dict[str, Any]]) -> list[Span]:
    """All spans of OTLP/JSON trace export requests."""
    return [
        _span(span)
        for request in requests
        for resource in request.get("resourceSpans", [])
        for scope in resource.get("scopeSpans", [])
        for span in scope.get("spans", [])
    ]


def by_trace(spans: list[Span]) -> list[list[Span]]:
    """Groups spans by trace, the earliest trace first, and within each by start."""
    traces: defaultdict[str, list[Span]] = defaultdict(list)
    for span in sorted(spans, key=lambda span: span.start):
        traces[span.trace_id].append(span)
    return list(traces.values())


def _span(span: dict[str, Any]) -> Span:
    return Span(
        trace_id=span["traceId"],
        span_id=span["spanId"],
        parent_id=span.get("parentSpanId", ""),
        name=span["name"],
        start=int(span["startTimeUnixNano"]),
        end=int(span["endTimeUnixNano"]),
        failed=span.get("status", {}).get("code") in {_STATUS_ERROR, "STATUS_CODE_ERROR"},
        attributes=attributes_of(span),
    )
