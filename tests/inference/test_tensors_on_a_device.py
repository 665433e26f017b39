"""A list of tensors given to a predictor: what is on a device stays there."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from observed import raising
from paddle_otel.inference.program_values import TensorValues


def tensor_on(*, cpu: bool) -> Any:
    """Return what looks like a tensor in host memory, or on a device, and must not be copied."""
    place = SimpleNamespace(is_cpu_place=lambda: cpu)
    return SimpleNamespace(shape=[2, 3], dtype="paddle.int64", place=place, numpy=raising(AssertionError("copied")))


def test_nothing_is_copied_from_a_device() -> None:
    """The content of a tensor that is not in host memory is not asked for; its shape and type are."""
    values = TensorValues(("input_ids",), [tensor_on(cpu=False)])
    assert values.array(0) is None
    assert values.shape(0) == (2, 3)
    assert values.is_integer(0) is True
    assert values.names == ("input_ids",)


def test_what_does_not_tell_where_it_is_is_not_read() -> None:
    """It may be on a device."""
    unknown = SimpleNamespace(shape=[2, 3], numpy=raising(AssertionError("copied")))
    assert TensorValues((), [unknown]).array(0) is None


def test_content_in_host_memory_is_read(paddle: Any) -> None:
    """Of Paddle's tensors, and of a tensor that says that it is there."""
    array = np.arange(6).reshape(2, 3)
    values = TensorValues((), [paddle.to_tensor(array, place=paddle.CPUPlace()), tensor_on(cpu=True)])
    assert values.array(0).tolist() == array.tolist()
    with pytest.raises(AssertionError, match="copied"):
        values.array(1)


class _Unreadable:
    @property
    def shape(self) -> list[int]:
        """Raise: nobody is to ask."""
        raise AssertionError


def test_the_first_that_tells_rows_is_enough() -> None:
    """What comes after it is not asked for its shape."""
    row = SimpleNamespace(shape=[5])
    assert TensorValues((), [row, tensor_on(cpu=True), _Unreadable()]).rows() == 2
