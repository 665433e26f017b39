"""The inputs or outputs of one run of a program, however they are passed, read without copying from a device."""

import weakref
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, Final, cast

_INTEGER_ENDINGS: Final = ("int32", "int64")
ROWS_AND_COLUMNS: Final = 2
"""Dimensions from which on the first one tells rows."""


class ProgramValues(ABC):
    """Inputs or outputs by their position.

    Args:
        names: Their names; empty where a value cannot be matched to its name.
        count: How many there are.
    """

    __slots__ = ("count", "names")

    def __init__(self, names: Sequence[str], count: int) -> None:
        self.names = names
        self.count = count

    @abstractmethod
    def shape(self, index: int) -> Sequence[int]:
        """Return a shape; empty for a number and for what has no shape."""
        ...

    def shapes(self) -> Sequence[Sequence[int]]:
        """Return the shapes of all values."""
        return [self.shape(index) for index in range(self.count)]

    def rows(self) -> int | None:
        """Return the leading dimension of the first value that has two dimensions or more.

        Returns:
            The rows; ``None`` when every value is a number or a single row, for those do not tell.
        """
        for index in range(self.count):
            shape = self.shape(index)
            if len(shape) >= ROWS_AND_COLUMNS:
                return int(shape[0])
        return None

    @abstractmethod
    def is_integer(self, index: int) -> bool:
        """Tell whether a value holds integers of 32 or 64 bits, as token ids do."""
        ...

    @abstractmethod
    def array(self, index: int) -> Any:
        """Return the content as a NumPy array; ``None`` when that would copy from a device."""
        ...


class HandleValues(ProgramValues):
    """Values that stay inside a predictor and are reached through handles.

    A handle costs up to 150 microseconds on a large program, so each is asked for once. It reads the variable that the
    predictor computes with and so sees every later shape. It points into the predictor without keeping it alive:
    nobody may read here after the predictor is gone, and nobody does, as only a run of this predictor reads.

    Args:
        predictor: Whose values; only a weak reference is kept.
        getter: Name of the predictor's method that gives a handle.
        names: Names of the values.
        on_host: Whether they are known to be in host memory.
    """

    __slots__ = ("_getter", "_handles", "_on_host", "_predictor")

    def __init__(self, predictor: Any, getter: str, names: Sequence[str], *, on_host: bool) -> None:
        super().__init__(tuple(names), len(names))
        self._predictor = weakref.ref(predictor)
        self._getter = getter
        self._handles: list[Any] = [None] * len(names)
        self._on_host = on_host

    def rows(self) -> int | None:
        """Return the rows of what is in the predictor now, found with as few calls as can be."""
        for index, handle in enumerate(self._handles):
            shape = (self._handle(index) if handle is None else handle).shape()
            if len(shape) >= ROWS_AND_COLUMNS:
                return int(shape[0])
        return None

    def shape(self, index: int) -> Sequence[int]:
        """Return the shape of what is in the predictor now."""
        handle = self._handles[index]
        return (self._handle(index) if handle is None else handle).shape()

    def is_integer(self, index: int) -> bool:
        """Tell whether a value holds integers."""
        return is_integer_type(self._handle(index).type())

    def array(self, index: int) -> Any:
        """Return a copy of the content, ``None`` when it may be on a device or there is none yet."""
        if not self._on_host:
            return None
        try:
            return self._handle(index).copy_to_cpu()
        except RuntimeError:
            return None  # the program gave it a shape and no content; its run will fail

    def _handle(self, index: int) -> Any:
        handle = self._handles[index]
        if handle is None:
            handle = self._handles[index] = getattr(self._predictor(), self._getter)(self.names[index])
        return handle


class TensorValues(ProgramValues):
    """Values that are passed as a list of tensors.

    Args:
        names: Names of the program's values in their order.
        values: What the caller passes or gets, whatever it is.
    """

    __slots__ = ("_values",)

    def __init__(self, names: Sequence[str], values: object) -> None:
        self._values: tuple[Any, ...] = tuple(cast("Any", values)) if isinstance(values, list | tuple) else ()
        count = len(self._values)
        super().__init__(tuple(names) if len(names) == count else (), count)

    def shape(self, index: int) -> Sequence[int]:
        """Return the shape of a tensor."""
        return tuple(getattr(self._values[index], "shape", ()))

    def is_integer(self, index: int) -> bool:
        """Tell whether a tensor holds integers."""
        return is_integer_type(getattr(self._values[index], "dtype", None))

    def array(self, index: int) -> Any:
        """Return the content of a tensor in host memory, ``None`` for any other."""
        value = self._values[index]
        if hasattr(value, "as_ndarray"):  # the tensor of the predictors before 2.0, always in host memory
            return value.as_ndarray()
        place = getattr(value, "place", None)
        return value.numpy() if place is not None and place.is_cpu_place() else None


def is_integer_type(data_type: object) -> bool:
    """Tell whether a type of a value, of whatever library, is one of integers of 32 or 64 bits."""
    # paddle.int64, PaddleDType.INT64, VarType.INT64
    return str(data_type).lower().endswith(_INTEGER_ENDINGS)
