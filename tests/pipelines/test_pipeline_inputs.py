"""The number of inputs is counted without consuming them, and absent where it cannot be told."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from paddle_otel.paddlex.pipeline_inputs import input_count


class Refuses:
    """Nothing can be asked of it."""

    def __iter__(self) -> Any:
        raise AssertionError("consumed")

    __len__ = __bool__ = __iter__


PICTURE = np.zeros((2, 2, 3), np.uint8)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("picture.png", 1),
        ("https://example.invalid/picture.jpg", 1),
        (PICTURE, 1),
        ([PICTURE, PICTURE, "picture.png"], 3),
        (("picture.png",), 1),
        ([], 0),
        ({"image": "picture.png", "query": "?"}, 1),
        ([{"image": "picture.png"}], 1),
        ("document.PDF", None),
        ("pages.tiff", None),
        (["picture.png", "document.pdf"], None),
        (None, None),
        (Refuses(), None),
        ([Refuses(), 7], 2),
    ],
    ids=repr,
)
def test_inputs_are_counted(given: Any, expected: int | None) -> None:
    """A file, an array and a dictionary is one; a file of many pages and what nobody knows is none."""
    assert (input_count((given,), {}), input_count((), {"input": given})) == (expected, expected)


def test_a_folder_holds_nobody_knows_how_many(tmp_path: Path) -> None:
    """PaddleX reads every picture in it."""
    assert input_count((str(tmp_path),), {}) is None
    assert input_count(([str(tmp_path), "picture.png"],), {}) is None


def test_an_iterator_is_not_consumed() -> None:
    """It may be a camera."""
    pictures = iter([PICTURE])
    assert input_count((pictures,), {}) is None
    assert next(pictures) is PICTURE


@pytest.mark.parametrize("kwargs", [{}, {"img": "picture.png"}])
def test_no_input_is_no_number(kwargs: dict[str, Any]) -> None:
    """Whatever a pipeline calls its input."""
    assert input_count((), kwargs) is None
