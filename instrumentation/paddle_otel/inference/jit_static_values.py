"""The inputs or outputs of one call of a layer or an executor, read without copying from a device."""

from collections.abc import Iterable, Sequence
from typing import Any, Final, cast

from paddle_otel.inference.program_values import ROWS_AND_COLUMNS, ProgramValues, is_integer_type


class CallValues(ProgramValues):
    """Values as a caller passes or gets them: arrays, Paddle's tensors, and the plain tensors of executors.

    Args:
        names: Their names in their order; not used where there are more or fewer of them.
        values: The values, whatever they are.
    """

    __slots__ = ("_values",)

    def __init__(self, names: Sequence[str], values: Sequence[Any]) -> None:
        self._values: Final = values
        # Not by a call of the constructor above: a small program runs in 80 microseconds.
        self.count = len(values)
        self.names = names if len(names) == self.count else ()

    def shape(self, index: int) -> Sequence[int]:
        """Return a shape; empty for a number, for what has no shape, and for rows of different lengths."""
        return _shape(self._values[index])

    def shapes(self) -> Sequence[Sequence[int]]:
        """Return the shapes of all values, as :meth:`shape` does."""
        return [_shape(value) for value in self._values]

    def rows(self) -> int | None:
        """Return the leading dimension of the first value that has two dimensions or more, ``None`` for no such."""
        return rows_among(self._values)

    def is_integer(self, index: int) -> bool:
        """Tell whether a value holds integers."""
        value = self._values[index]
        plain: Any = getattr(value, "_dtype", None)  # the plain tensor of executors has no public way to tell
        return is_integer_type(plain() if callable(plain) else getattr(value, "dtype", None))

    def array(self, index: int) -> Any:
        """Return the content of an array or of a tensor in host memory, ``None`` for any other."""
        value = self._values[index]
        place = getattr(value, "place", None)
        if place is not None:
            return value.numpy() if place.is_cpu_place() else None
        return value if hasattr(value, "__array_interface__") else None


def rows_among(values: Iterable[Any]) -> int | None:
    """Return the rows of values as a caller passes them, as :meth:`CallValues.rows` does."""
    for value in values:
        # As below, with fewer calls where it matters.
        shape: Any = getattr(value, "shape", ())
        if callable(shape):
            shape = _shape(value)
        if len(shape) >= ROWS_AND_COLUMNS:
            return int(shape[0])
    return None


def _shape(value: Any) -> Sequence[int]:
    shape: Any = getattr(value, "shape", ())
    if not callable(shape):
        return shape
    # The plain tensor of executors. With rows of different lengths one after the other, its first dimension is not
    # their number.
    lengths = getattr(value, "lod", None)
    return () if lengths is not None and lengths() else cast("Sequence[int]", shape())
