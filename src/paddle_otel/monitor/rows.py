"""Samples as rows of a table, the same in files and data frames."""

import math
from collections.abc import Sequence
from datetime import datetime, timezone
from typing import Final

from paddle_otel.monitor.history import Moment
from paddle_otel.monitor.quantities import QUANTITIES

Row = tuple[Moment, str, str | None, Sequence[float]]
"""When, which GPU (UUID), its device in Paddle's words, the values of :data:`QUANTITIES`."""

COLUMNS: Final = (
    "time",
    "elapsed_seconds",
    "uuid",
    "device",
    "activity",
    *(quantity.name for quantity in QUANTITIES),
)


def cells(row: Row) -> dict[str, str | float | None]:
    """Return a row by column; what is not known is ``None``.

    ``activity`` is what Paddle did for the longest part of the time since the sample before.
    """
    moment, uuid, device, values = row
    known: dict[str, str | float | None] = {
        "time": datetime.fromtimestamp(moment.wall / 1e9, tz=timezone.utc).isoformat(timespec="milliseconds"),
        "elapsed_seconds": round(moment.elapsed, 3),
        "uuid": uuid,
        "device": device,
        "activity": max(moment.shares, key=lambda share: share[1])[0],
    }
    for quantity, value in zip(QUANTITIES, values, strict=True):
        known[quantity.name] = None if math.isnan(value) else value
    return known
