"""Writes samples to files."""

import contextlib
import csv
import io
import json
import logging
import os
import stat
from collections.abc import Iterable, Sequence
from os import PathLike
from pathlib import Path
from typing import Final

from paddle_otel.monitor.history import Moment
from paddle_otel.monitor.rows import COLUMNS, Row, cells
from paddle_otel.rotating_file import RotatingFile

CSV: Final = ".csv"
JSON_LINES: Final = ".jsonl"
LEAST_BYTES: Final = 4096
_HALF_SURROGATES: Final = "replace"
"""Half surrogates, which an activity's name may have and no file may, become question marks."""

_logger: Final = logging.getLogger("paddle_otel")


class LogFile:
    """A file to which each sample is appended; full, or a table with other columns, it is set aside.

    Args:
        path: Ends with ``.csv`` or ``.jsonl``.
        max_bytes: Size at which it is full.
        backups: How many full ones are kept.

    Raises:
        ValueError: The path ends with something else, or a number is too small.
    """

    def __init__(self, path: str | PathLike[str], max_bytes: int, backups: int) -> None:
        self._path = checked_path(path).absolute()  # the program may change its folder
        if max_bytes < LEAST_BYTES or backups < 0:
            raise ValueError(f"log_max_bytes must be at least {LEAST_BYTES}, log_backups at least 0.")
        self._max_bytes = max_bytes
        self._backups = backups
        self._file = RotatingFile(self._path, max_bytes, backups)
        self._is_csv = self._path.suffix == CSV
        self._has_our_columns = False
        self._said = False

    def write(self, moment: Moment, uuid: str, device: str | None, values: Sequence[float]) -> None:
        """Append a sample; where that cannot be done, it is logged once and the sample is left out."""
        line = line_of((moment, uuid, device, values), csv_format=self._is_csv)
        try:
            self._file.append(self._with_heading(line))
        except OSError as error:
            if not self._said:
                self._said = True
                _logger.warning(
                    "Samples of the GPUs cannot be written to %s (%s) and are left out there until they can. This is "
                    "logged once.",
                    self._path.name,
                    error.strerror or type(error).__name__,
                )

    def close(self) -> None:
        """Close the file; the next sample opens it again."""
        self._file.close()
        self._has_our_columns = False

    def _with_heading(self, line: bytes) -> bytes:
        """Return the line with the heading above it where it will be the first one of a file."""
        if not self._is_csv:
            return line
        try:
            found = self._path.lstat()
        except FileNotFoundError:
            return heading() + line
        if found.st_size and not self._has_our_columns:
            self._has_our_columns = True
            if stat.S_ISREG(found.st_mode) and not self._begins_with_our_heading():
                # One that is full sets aside what is there. That may be anything, so it is kept in any case.
                with contextlib.closing(RotatingFile(self._path, 1, max(self._backups, 1))) as full:
                    full.append(heading())
                return line
        return line if 0 < found.st_size <= self._max_bytes - len(line) else heading() + line

    def _begins_with_our_heading(self) -> bool:
        """Tell whether our columns are in the file: rows under others would be read as what they are not."""
        with self._path.open("rb") as file:
            return file.readline(len(heading())) == heading()


def checked_path(path: str | PathLike[str]) -> Path:
    """Return the path.

    Raises:
        ValueError: It tells no format.
    """
    checked = Path(path)
    if checked.suffix not in (CSV, JSON_LINES):
        raise ValueError(f"{os.fspath(path)!r}: expected a file name that ends with {CSV} or {JSON_LINES}.")
    return checked


def save_rows(path: str | PathLike[str], rows: Iterable[Row]) -> None:
    """Write a whole file, in place of what was there.

    Args:
        path: Ends with ``.csv`` or ``.jsonl``.
        rows: What is written.

    Raises:
        ValueError: It ends with something else.
        OSError: The file cannot be written.
    """
    checked = checked_path(path)
    is_csv = checked.suffix == CSV
    with checked.open("wb") as file:
        if is_csv:
            file.write(heading())
        for row in rows:
            file.write(line_of(row, csv_format=is_csv))


def heading() -> bytes:
    """Return the first line of a CSV file."""
    return _csv_line(COLUMNS)


def line_of(row: Row, *, csv_format: bool) -> bytes:
    """Return a row as one line.

    Args:
        row: The row.
        csv_format: CSV with empty cells for what is not known, else a JSON object without it, and with the shares of
            all activities.
    """
    known = cells(row)
    if csv_format:
        return _csv_line(["" if value is None else value for value in known.values()])
    told: dict[str, object] = {name: value for name, value in known.items() if value is not None}
    told["activities"] = {kind: round(share, 6) for kind, share in row[0].shares}
    return (json.dumps(told, ensure_ascii=False) + "\n").encode(errors=_HALF_SURROGATES)


def _csv_line(values: Sequence[object]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(values)
    return text.getvalue().encode(errors=_HALF_SURROGATES)
