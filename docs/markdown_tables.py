"""Tables of names in Markdown."""

from collections.abc import Iterable

from paddle_otel.conventions.metric import Metric


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """Return a table with its head."""
    titles = list(head)
    return _row(titles) + "|" + "---|" * len(titles) + "\n" + "".join(_row(cells) for cells in rows)


def code(names: Iterable[str]) -> str:
    """Return names as code, separated by commas."""
    return ", ".join(f"`{name}`" for name in names)


def attribute_table(attributes: Iterable[tuple[str, str, str]]) -> str:
    """Return the table of attributes, each a name, a type and a meaning."""
    return table(("attribute", "type", "meaning"), ((f"`{name}`", kind, meaning) for name, kind, meaning in attributes))


def metric_table(metrics: Iterable[Metric]) -> str:
    """Return the table of metrics."""
    return table(
        ("metric", "instrument", "unit", "meaning", "attributes"),
        (
            (f"`{one.name}`", one.kind.replace("_", " "), one.unit, one.description, code(one.attributes))
            for one in metrics
        ),
    )


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |\n"
