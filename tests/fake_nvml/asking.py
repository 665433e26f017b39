"""Asks the fake driver through ``pynvml``."""

from typing import Any, Final

MEMBERS: Final = ("dVal", "uiVal", "ulVal", "ullVal", "sllVal", "siVal", "usVal")
"""Of the union in a field's value, by NVML's number of its type."""


def code(nvml: Any, function: str, *args: Any) -> int | None:
    """Return the code of the error that a function of ``pynvml`` raises, ``None`` when it returns."""
    try:
        getattr(nvml, function)(*args)
    except nvml.NVMLError as error:
        return int(error.value)
    return None


def fields(nvml: Any, handle: Any, *ids: int | tuple[int, int]) -> list[tuple[int, int, Any]]:
    """Return the code, the type and the value of each field, which is given by its number or with a scope."""
    answers: list[tuple[int, int, Any]] = []
    for value in nvml.nvmlDeviceGetFieldValues(handle, list(ids)):
        value_type = int(value.valueType)
        answers.append((value.nvmlReturn, value_type, getattr(value.value, MEMBERS[value_type])))
    return answers


def field_codes(nvml: Any, handle: Any, *ids: int | tuple[int, int]) -> list[int]:
    """Return the code of each field."""
    return [value[0] for value in fields(nvml, handle, *ids)]
