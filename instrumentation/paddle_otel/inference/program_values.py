"""The inputs or outputs of one run of a program, however they are passed, read without copying from a device."""

import weakref
from collections.abc import Sequence
from typing import Any, Final, Protocol, cast

_INTEGER_ENDINGS: Final = ("int32", "int64")


class ProgramValues(Protocol):
    """Inputs or outputs by their position."""

    @property
    def names(self) -> Sequence[str]:
        """Their names; empty where a value cannot be matched to its name."""
        ...

    def __len__(self) -> int: ...

    def shape(self, index: int) -> Sequence[int]:
        """Return a shape; empty for a number and for what has no shape."""
        ...

    def is_integer(self, index: int) -> bool:
        """Tell whether a value holds integers of 32 or 64 bits, as token ids do."""
        ...

    def array(self, index: int) -> Any:
        """Return the content as a NumPy array; ``None`` when that would copy from a device."""
        ...


class HandleValues:
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

    __slots__ = ("_getter", "_handles", "_on_host", "_predictor", "names")

    def __init__(self, predictor: Any, getter: str, names: Sequence[str], *, on_host: bool) -> None:
        self._predictor = weakref.ref(predictor)
        self._getter = getter
        self._handles: list[Any] = [None] * len(names)
        self._on_host = on_host
        self.names: Final = tuple(names)

    def __len__(self) -> int:
        return len(self.names)

    def shape(self, index: int) -> Sequence[int]:
        """Return the shape of what is in the predictor now."""
        handle = self._handles[index]
        return (self._handle(index) if handle is None else handle).shape()

    def is_integer(self, index: int) -> bool:
        """Tell whether a value holds integers."""
        return _is_integer(self._handle(index).type())

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


class TensorValues:
    """Values that are passed as a list of tensors.

    Args:
        names: Names of the program's values in their order.
        values: What the caller passes or gets, whatever it is.
    """

    __slots__ = ("_values", "names")

    def __init__(self, names: Sequence[str], values: object) -> None:
        self._values: tuple[Any, ...] = tuple(cast("Any", values)) if isinstance(values, list | tuple) else ()
        self.names: Final = tuple(names) if len(names) == len(self._values) else ()

    def __len__(self) -> int:
        return len(self._values)

    def shape(self, index: int) -> Sequence[int]:
        """Return the shape of a tensor."""
        return tuple(getattr(self._values[index], "shape", ()))

    def is_integer(self, index: int) -> bool:
        """Tell whether a tensor holds integers."""
        return _is_integer(getattr(self._values[index], "dtype", None))

    def array(self, index: int) -> Any:
        """Return the content of a tensor in host memory, ``None`` for any other."""
        value = self._values[index]
        if hasattr(value, "as_ndarray"):  # the tensor of the predictors before 2.0, always in host memory
            return value.as_ndarray()
        place = getattr(value, "place", None)
        return value.numpy() if place is not None and place.is_cpu_place() else None


def _is_integer(data_type: object) -> bool:
    # paddle.int64, PaddleDType.INT64
    return str(data_type).lower().endswith(_INTEGER_ENDINGS)
