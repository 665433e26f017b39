"""Traces as Jaeger's query API gives them back, typed: what was sent is told apart from what Jaeger adds."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

AttributeValue = str | bool | int | float

_PYTHON_TYPES: dict[str, type[str] | type[bool] | type[int] | type[float]] = {
    "string": str,
    "bool": bool,
    "int64": int,
    "float64": float,
}

# Jaeger has no fields for these parts of an OpenTelemetry span; it writes them as tags among the attributes.
_KIND = "span.kind"
_STATUS = "otel.status_code"
_STATUS_TEXT = "otel.status_description"
_SCOPE = "otel.scope.name"
_SCOPE_VERSION = "otel.scope.version"
_ERROR = "error"
_ADDED_BY_JAEGER = frozenset({_KIND, _STATUS, _STATUS_TEXT, _SCOPE, _SCOPE_VERSION, _ERROR})


@dataclass(frozen=True)
class JaegerEvent:
    """A span event; ``time_us`` is in microseconds since 1970."""

    name: str
    time_us: int
    attributes: dict[str, AttributeValue]


@dataclass(frozen=True)
class JaegerSpan:
    """One span.

    Times are in microseconds since 1970. Ids are lower-case hexadecimal, 32 and 16 digits, as in W3C trace context.

    Attributes:
        attributes: what the SDK sent, in Python's type for Jaeger's: ``string`` str, ``bool`` bool, ``int64`` int,
            ``float64`` float. A list attribute comes back as one string of JSON: Jaeger keeps no lists.
        attribute_types: Jaeger's own type name for each of them.
        tags: everything Jaeger returned as tags, so including what it adds (``span.kind``, ``otel.*``, ``error``).
        status: ``UNSET``, ``OK`` or ``ERROR``; ``error`` is Jaeger's red flag beside it.
        kind: ``internal``, ``server``, ``client``, ``producer`` or ``consumer``; None where the SDK sent none.
        links: the (trace id, span id) pairs this span refers to besides its parent.
        resource: the resource's attributes without ``service.name``, which is ``service``.
    """

    name: str
    trace_id: str
    span_id: str
    parent_id: str | None
    start_us: int
    end_us: int
    attributes: dict[str, AttributeValue]
    attribute_types: dict[str, str]
    tags: dict[str, AttributeValue]
    status: str
    status_description: str | None
    error: bool
    kind: str | None
    events: tuple[JaegerEvent, ...]
    links: tuple[tuple[str, str], ...]
    scope_name: str | None
    scope_version: str | None
    service: str
    resource: dict[str, AttributeValue]
    warnings: tuple[str, ...]


@dataclass(frozen=True)
class JaegerTrace:
    """One trace; its spans in the order in which they started."""

    trace_id: str
    spans: tuple[JaegerSpan, ...]

    def roots(self) -> list[JaegerSpan]:
        """Returns the spans whose parent is not in this trace."""
        known = {span.span_id for span in self.spans}
        return [span for span in self.spans if span.parent_id not in known]

    def children(self, parent: JaegerSpan) -> list[JaegerSpan]:
        """Returns the spans right below one span."""
        return [span for span in self.spans if span.parent_id == parent.span_id]

    def named(self, name: str) -> list[JaegerSpan]:
        """Returns the spans with exactly this name."""
        return [span for span in self.spans if span.name == name]


def read_trace(data: Mapping[str, Any]) -> JaegerTrace:
    """Returns one element of ``data`` in an answer of ``/api/traces`` as a trace."""
    spans = [_read_span(span, data["processes"][span["processID"]]) for span in data["spans"]]
    return JaegerTrace(_trace_id(data), tuple(sorted(spans, key=lambda span: (span.start_us, -span.end_us))))


def _read_span(data: Mapping[str, Any], process: Mapping[str, Any]) -> JaegerSpan:
    tags = _read_tags(data["tags"])
    attributes = {key: value for key, value in tags.items() if key not in _ADDED_BY_JAEGER}
    types = {tag["key"]: tag["type"] for tag in data["tags"]}
    parent, links = _read_references(data)
    return JaegerSpan(
        name=data["operationName"],
        trace_id=_trace_id(data),
        span_id=data["spanID"],
        parent_id=parent,
        start_us=data["startTime"],
        end_us=data["startTime"] + data["duration"],
        attributes=attributes,
        attribute_types={key: types[key] for key in attributes},
        tags=tags,
        status=str(tags.get(_STATUS, "UNSET")),
        status_description=_text(tags, _STATUS_TEXT),
        error=tags.get(_ERROR) is True,
        kind=_text(tags, _KIND),
        events=tuple(_read_event(event) for event in data["logs"]),
        links=links,
        scope_name=_text(tags, _SCOPE),
        scope_version=_text(tags, _SCOPE_VERSION),
        service=process["serviceName"],
        resource=_read_tags(process["tags"]),
        warnings=tuple(data["warnings"] or ()),
    )


def _trace_id(data: Mapping[str, Any]) -> str:
    """Returns the id with all its digits: Jaeger leaves out the upper 16 where they are zero."""
    return data["traceID"].zfill(32)


def _read_tags(tags: list[dict[str, Any]]) -> dict[str, AttributeValue]:
    """Returns tags with values in the type that Jaeger declares: JSON alone writes the float 3.0 like the int 3."""
    return {tag["key"]: _PYTHON_TYPES[tag["type"]](tag["value"]) for tag in tags}


def _read_references(data: Mapping[str, Any]) -> tuple[str | None, tuple[tuple[str, str], ...]]:
    parent: str | None = None
    links: list[tuple[str, str]] = []
    for reference in data["references"]:
        if reference["refType"] == "CHILD_OF" and parent is None and reference["traceID"] == data["traceID"]:
            parent = reference["spanID"]
        else:
            links.append((_trace_id(reference), reference["spanID"]))
    return parent, tuple(links)


def _read_event(data: Mapping[str, Any]) -> JaegerEvent:
    fields = _read_tags(data["fields"])
    name = str(fields.pop("event", ""))
    return JaegerEvent(name=name, time_us=data["timestamp"], attributes=fields)


def _text(tags: Mapping[str, AttributeValue], key: str) -> str | None:
    value = tags.get(key)
    return None if value is None else str(value)
