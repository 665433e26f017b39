"""Tensors without Paddle: a shape, a place, and NumPy behind them. Whatever waits for a device is an error."""

from typing import Any

import numpy as np


class StubPlace:
    """Where a tensor is."""

    def __init__(self, name: str) -> None:
        self._name = name

    def is_cpu_place(self) -> bool:
        """Tell whether it is host memory."""
        return self._name == "cpu"

    def __str__(self) -> str:
        return f"Place({self._name})"


class StubTensor:
    """A tensor.

    Args:
        values: Its content.
        place: ``cpu`` or, for instance, ``gpu:0``.
    """

    def __init__(self, values: Any, place: str = "cpu") -> None:
        self._values = np.asarray(values)
        self.place = StubPlace(place)
        self.shape: list[int] = list(self._values.shape)  # a list, as in Paddle up to 3.2
        self.dtype = f"paddle.{self._values.dtype}"
        self.reads = 0

    def numpy(self) -> Any:
        """Copy the content to the host, counted."""
        self.reads += 1
        return self._values

    def __bool__(self) -> bool:
        raise AssertionError("somebody evaluated a tensor's truth value: that waits for the device")

    def __int__(self) -> int:
        raise AssertionError("somebody converted a tensor: that waits for the device")

    def __eq__(self, other: object) -> Any:
        raise AssertionError("somebody compared a tensor: that starts a kernel on the device")

    __hash__ = object.__hash__  # Paddle's tensors are hashed by identity
