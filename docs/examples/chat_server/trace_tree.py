"""Draws a trace as a tree: one line per span, with its duration, its status and its most telling attributes."""

import textwrap
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import Final

from otlp_json import AttributeValue
from spans import Span

WIDTH: Final = 110
_NAME_WIDTH: Final = 33

LABELS: Final = {
    "error.type": "error",
    "http.response.status_code": "status",
    "gen_ai.usage.input_tokens": "in",
    "gen_ai.usage.output_tokens": "out",
    "paddle.time_to_first_token": "ttft",
    "paddle.batch_size": "batch",
    "gen_ai.response.finish_reasons": "finish",
}
"""What a reader looks for first, each with a short label."""
_IN_SECONDS: Final = {"paddle.time_to_first_token"}


@dataclass(frozen=True)
class _Line:
    """One line of the tree: a span, or several alike drawn as one."""

    branch: str
    parent_name: str
    spans: list[Span]

    @property
    def name(self) -> str:
        """The branch and the name; a name that repeats the parent's shows only what is new."""
        own = self.spans[0].name
        new = own.removeprefix(self.parent_name) if self.parent_name else own
        times = f" x{len(self.spans)}" if len(self.spans) > 1 else ""
        text = self.branch + (own if new in {own, ""} else f"…{new}")
        return shorten(text, _NAME_WIDTH - len(times)) + times


def render_trace(trace: list[Span]) -> str:
    """The tree of one trace.

    Args:
        trace: The spans of one trace. A span whose parent is not among them is drawn as a root.

    Returns:
        Lines of at most `WIDTH` characters.
    """
    known = {span.span_id for span in trace}
    children: defaultdict[str, list[Span]] = defaultdict(list)
    for span in sorted(trace, key=lambda span: span.start):
        children[span.parent_id if span.parent_id in known else ""].append(span)
    return "\n".join(_text(line) for line in _tree(children, None, indent=""))


def render_legend() -> str:
    """What the short labels stand for."""
    text = "In short: " + ", ".join(f"{label}={key}" for key, label in LABELS.items())
    return textwrap.fill(text, WIDTH, break_on_hyphens=False)


def render_attributes(span: Span) -> str:
    """Every attribute of a span under its full name, one per line."""
    width = max(map(len, span.attributes), default=0)
    return "\n".join(f"  {key:<{width}}  {value}" for key, value in sorted(span.attributes.items()))


def duration(seconds: float) -> str:
    """A duration with three digits and the unit that suits it."""
    if seconds >= 1:
        return f"{seconds:.2f} s"
    return f"{seconds * 1e3:.3g} ms" if seconds >= 1e-3 else f"{seconds * 1e6:.3g} us"  # noqa: PLR2004


def shorten(text: str, width: int) -> str:
    """The text, with its end replaced by an ellipsis where it is too long."""
    return text if len(text) <= width else text[: width - 1] + "…"


def _tree(children: dict[str, list[Span]], parent: Span | None, indent: str) -> Iterator[_Line]:
    """The lines below `parent`, depth first."""
    groups = list(_groups(children, parent))
    for index, group in enumerate(groups):
        last = index == len(groups) - 1
        corner, rail = ("", "") if parent is None else ("└─ ", "   ") if last else ("├─ ", "│  ")
        yield _Line(indent + corner, parent.name if parent else "", group)
        if len(group) == 1:
            yield from _tree(children, group[0], indent + rail)


def _groups(children: dict[str, list[Span]], parent: Span | None) -> Iterator[list[Span]]:
    """The children of a span, neighbours alike together: a stream has one `http send` for each of its pieces."""

    def alike(span: Span) -> str:
        has_children = span.span_id in children
        return span.span_id if has_children or parent is None else span.name

    for _, group in groupby(children.get(parent.span_id if parent else "", []), key=alike):
        yield list(group)


def _text(line: _Line) -> str:
    seconds = sum(span.seconds for span in line.spans)
    status = "ERROR" if any(span.failed for span in line.spans) else "ok"
    start = f"{line.name:<{_NAME_WIDTH}}  {duration(seconds):>7}  {status:<5}  "
    attributes = _attributes(line.spans[0], WIDTH - len(start)) if len(line.spans) == 1 else ""
    return (start + attributes).rstrip()


def _attributes(span: Span, width: int) -> str:
    """The attributes that have a label, or all where none has, as far as they fit."""
    keys = [key for key in LABELS if key in span.attributes] or sorted(span.attributes)
    return shorten(" ".join(_attribute(key, span.attributes[key]) for key in keys), width)


def _attribute(key: str, value: AttributeValue) -> str:
    label = LABELS.get(key) or key.rpartition(".")[2]
    if key in _IN_SECONDS and isinstance(value, int | float):
        return f"{label}={duration(value).replace(' ', '')}"
    if isinstance(value, list):
        return f"{label}={','.join(str(item) for item in value)}"
    return f"{label}={value:.4g}" if isinstance(value, float) else f"{label}={value}"
