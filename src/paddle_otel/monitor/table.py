"""Samples as a data frame of pandas, where that is installed."""

import importlib
from collections.abc import Iterable
from typing import Any

from paddle_otel.monitor.rows import COLUMNS, Row, cells


def data_frame(rows: Iterable[Row]) -> Any:
    """Return a ``pandas.DataFrame``, one row for each sample of each GPU; what is not known is not a number.

    Raises:
        ImportError: pandas is not installed.
    """
    pandas: Any = optional("pandas", "to_dataframe()")
    frame: Any = pandas.DataFrame([cells(row) for row in rows], columns=list(COLUMNS))
    frame["time"] = pandas.to_datetime(frame["time"], utc=True)
    return frame


def optional(name: str, what: str) -> Any:
    """Import a library that this project does not depend on.

    Args:
        name: The library's.
        what: What needs it.

    Raises:
        ImportError: It is not installed; the message says what to type.
    """
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        library = name.partition(".")[0]
        if error.name != library:
            raise
        raise ImportError(
            f"{what} needs {library}, which is not installed. Install it with: pip install {library}", name=library
        ) from error
