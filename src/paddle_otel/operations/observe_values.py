"""What a program tells of its own operations, checked: a wrong value is left out and logged once, and never raises.

Only Python's and NumPy's numbers are taken. A tensor is not: reading it would copy from its device and wait for it.
"""

import contextlib
import inspect
import logging
import math
from collections.abc import Callable, Sequence
from numbers import Integral, Real
from typing import Any, Final, cast

LONGEST_TEXT: Final = 200
"""Characters of a name that are kept."""

_logger: Final = logging.getLogger("paddle_otel")

# Names of this project's own arguments, so that the set cannot grow with traffic.
_told: Final[set[str]] = set()


def misuse(what: str, message: str) -> None:
    """Log what a program does wrong, the first time only.

    Args:
        what: The argument or call, as the program writes it.
        message: What is wrong with it, without quoting any value.
    """
    if what in _told:
        return
    _told.add(what)
    with contextlib.suppress(Exception):  # a broken log handler must not reach the program either
        _logger.warning("paddle_otel.operations: %s %s. This is logged once.", what, message)


def refuse_function(decorator: str, model: object) -> None:
    """Refuse a decorator without parentheses, which would take the function for the model's name.

    Args:
        decorator: Its name.
        model: What it was given as the model.

    Raises:
        TypeError: It is a function; raised where the function is defined, before anything runs.
    """
    if inspect.isroutine(model):
        raise TypeError(
            f"Write @{decorator}(...) with parentheses: it was given a function in place of a model's name."
        )


def result_of(what: str, function: Callable[[Any], object], value: object) -> object:
    """Return what a function of the program says of a value, ``None`` where it raises.

    Args:
        what: The argument that it was given as.
        function: The function.
        value: What it is asked about.
    """
    try:
        return function(value)
    except Exception as error:  # noqa: BLE001 - the program's own function, which must not end its generator
        misuse(f"the function given as {what}", f"raised {type(error).__name__}; what it should say is left out")
        return None


def whole_number(what: str, value: object, minimum: int = 0) -> int | None:
    """Return a count, ``None`` when there is none or it cannot be one.

    Args:
        what: The argument, as the program writes it.
        value: What the program gave.
        minimum: The smallest possible.
    """
    if type(value) is int and value >= minimum:
        return value
    if value is None:
        return None
    if isinstance(value, Integral) and value is not True and value is not False and int(value) >= minimum:
        return int(value)
    misuse(what, f"is left out: a whole number, {minimum} or more, is expected")
    return None


def number(what: str, value: object) -> float | None:
    """Return a finite number that is 0 or more, ``None`` when there is none or it is another one."""
    if value is None:
        return None
    if isinstance(value, Real) and value is not True and value is not False and 0 <= float(value) < math.inf:
        return float(value)
    misuse(what, "is left out: a number, 0 or more, is expected")
    return None


def text(what: str, value: object) -> str | None:
    """Return a name, cut to its first characters, ``None`` when there is none or it is none."""
    if value is None:
        return None
    if isinstance(value, str) and value:
        return str.__str__(value)[:LONGEST_TEXT]
    misuse(what, "is left out: text is expected")
    return None


def model_name(value: object) -> str | None:
    """Return a model's name: of a path only the last part, so that no local path leaves the process."""
    name = text("model", value)
    if name is None:
        return None
    return name.replace("\\", "/").rstrip("/").rsplit("/", 1)[-1] or None


def texts(what: str, values: Sequence[object]) -> tuple[str, ...] | None:
    """Return several names, ``None`` when there are none or one of them is none."""
    found = [text(what, value) for value in values]
    known = tuple(value for value in found if value is not None)
    return known if known and len(known) == len(values) else None


def whole_numbers(what: str, value: object) -> tuple[int, ...] | None:
    """Return a list of counts, ``None`` when it is empty or one of them cannot be one."""
    if not isinstance(value, list | tuple):
        misuse(what, "is left out: a whole number, or a list of them, is expected")
        return None
    values = cast("Sequence[object]", value)
    found = [whole_number(what, one) for one in values]
    known = tuple(one for one in found if one is not None)
    return known if known and len(known) == len(values) else None


def forget_misuse() -> None:
    """Forget what was logged, so that it is logged again (for tests)."""
    _told.clear()
