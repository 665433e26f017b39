"""Reads the OTLP/JSON files that the demo's server wrote: one export request per line."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeAlias

AttributeValue: TypeAlias = "str | int | float | bool | list[AttributeValue] | dict[str, AttributeValue] | None"
Attributes: TypeAlias = dict[str, AttributeValue]


def read_requests(directory: Path, signal: str) -> list[dict[str, Any]]:
    """All export requests of one signal, from the files of every process, rotated ones included.

    Args:
        directory: Where the exporters wrote.
        signal: `traces`, `metrics` or `logs`, the first part of the files' names.

    Raises:
        ValueError: A line is not JSON. A last line without its end is left out: its process was killed as it wrote it.
    """
    requests: list[dict[str, Any]] = []
    for file in sorted(directory.glob(f"{signal}-*.jsonl*")):
        requests.extend(_read_file(file))
    return requests


def _read_file(file: Path) -> Iterator[dict[str, Any]]:
    text = file.read_text(encoding="utf-8")
    complete_lines = text[: text.rfind("\n") + 1].splitlines()
    for number, line in enumerate(complete_lines, start=1):
        yield _parse(line, f"{file}, line {number}")


def _parse(line: str, place: str) -> dict[str, Any]:
    try:
        return json.loads(line)
    except json.JSONDecodeError as error:
        raise ValueError(f"{place} is not JSON: {error}") from error


def attributes_of(owner: dict[str, Any]) -> Attributes:
    """The attributes of a span, data point, resource or event as a plain dictionary."""
    return {item["key"]: _value(item.get("value", {})) for item in owner.get("attributes", [])}


def _value(value: dict[str, Any]) -> AttributeValue:
    if "intValue" in value:
        return int(value["intValue"])  # JSON has no 64 bit integers, OTLP writes them as strings
    if "arrayValue" in value:
        return [_value(item) for item in value["arrayValue"].get("values", [])]
    if "kvlistValue" in value:
        return attributes_of({"attributes": value["kvlistValue"].get("values", [])})
    for kind in ("stringValue", "doubleValue", "boolValue", "bytesValue"):
        if kind in value:
            return value[kind]
    return None
