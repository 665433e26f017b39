"""What is read of the inputs and outputs of a call."""

from types import SimpleNamespace
from typing import Any

import numpy as np

from observed import raising
from paddle_otel.inference.jit_static_values import CallValues


def test_names_that_do_not_match_are_left_out() -> None:
    """With fewer values than names, or more, nobody knows which value has which name."""
    assert CallValues(("a", "b"), (1, 2)).names == ("a", "b")
    for values in ((1,), (1, 2, 3)):
        assert CallValues(("a", "b"), values).names == ()


def test_nothing_is_copied_from_a_device() -> None:
    """The content of a tensor that is not in host memory is not asked for; its shape is."""
    on_device = SimpleNamespace(
        shape=[2, 3], place=SimpleNamespace(is_cpu_place=lambda: False), numpy=raising(AssertionError("copied"))
    )
    values = CallValues((), (on_device,))
    assert values.array(0) is None
    assert values.shape(0) == [2, 3]


def test_content_in_host_memory_is_read(paddle: Any) -> None:
    """Of arrays and of Paddle's tensors; a list of numbers has neither a shape nor a content that is read."""
    array = np.arange(6).reshape(2, 3)
    values = CallValues((), (array, paddle.to_tensor(array), [[1, 2, 3]]))
    assert [np.array_equal(values.array(index), array) for index in range(2)] == [True, True]
    assert [tuple(values.shape(index)) for index in range(3)] == [(2, 3), (2, 3), ()]
    assert [values.is_integer(index) for index in range(3)] == [True, True, False]
    assert values.array(2) is None
    assert values.count == 3
