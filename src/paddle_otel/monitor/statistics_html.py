"""Statistics as HTML for a notebook."""

from collections.abc import Iterable, Sequence
from html import escape

from paddle_otel.monitor.statistics import GPUStatistics
from paddle_otel.monitor.statistics_text import (
    ACTIVITY_HEADINGS,
    HEADINGS,
    activity_rows,
    headline,
    quantity_rows,
    title,
)


def as_html(statistics: GPUStatistics) -> str:
    """Return a headline and two tables for each GPU."""
    parts = [f"<p>{escape(headline(statistics)).replace(chr(10), '<br>')}</p>"]
    for device in statistics.devices:
        parts.append(f"<p><b>{escape(title(device))}</b></p>")
        parts.append(_table(HEADINGS, quantity_rows(device.quantities)))
        parts.append(_table(ACTIVITY_HEADINGS, activity_rows(device)))
    return "<div>" + "".join(parts) + "</div>"


def _table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    head = "".join(f"<th>{escape(cell)}</th>" for cell in headings)
    body = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
