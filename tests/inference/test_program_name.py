"""How a model is named by its program's path."""

import os
from pathlib import Path

import pytest

from paddle_otel.inference.program_name import program_name


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/srv/models/PP-OCRv4_det/inference.pdmodel", "PP-OCRv4_det"),
        ("/srv/models/PP-OCRv4_det/inference.json", "PP-OCRv4_det"),
        ("/srv/models/PP-OCRv4_det/inference", "PP-OCRv4_det"),
        ("/srv/models/PP-OCRv4_det/", "PP-OCRv4_det"),
        ("/srv/uie/model.pdmodel", "uie"),
        ("/srv/uie/__model__", "uie"),
        ("/srv/uie/Model.PDMODEL", "uie"),
        ("/srv/resnet50.pdmodel", "resnet50"),
        ("resnet50.json", "resnet50"),
        ("ch_PP-OCRv4.1", "ch_PP-OCRv4.1"),
        ("C:\\models\\resnet50\\inference.pdmodel", "resnet50"),
    ],
)
def test_name_is_the_last_part_that_says_something(path: str, name: str) -> None:
    """The file without extension, or its folder where any file could be called that."""
    assert program_name(path) == name


@pytest.mark.parametrize(
    "path",
    ["", "/", ".", "..", "inference.pdmodel", "./model.json", "/model", "../model.json", "/cache/forward/infer.json"],
)
def test_a_path_that_says_nothing_gives_no_name(path: str) -> None:
    """A generic name without a folder is no name."""
    assert program_name(path) is None


def test_no_part_of_a_local_path_but_the_last_is_told() -> None:
    """User names and folder structures stay in the process."""
    assert program_name("/home/alice/secret-customer/bert/inference.pdmodel") == "bert"


def test_paths_of_any_kind_are_read() -> None:
    """Whatever ``open`` takes, ``Path`` and bytes paths included."""
    assert program_name(Path("/srv/uie/model.json")) == "uie"

    class BytesPath(os.PathLike[bytes]):
        def __fspath__(self) -> bytes:
            return b"/srv/uie/model.json"

    assert program_name(BytesPath()) == "uie"


@pytest.mark.parametrize("path", [None, 5, object(), b"/srv/uie/model.json"])
def test_what_is_no_path_gives_no_name(path: object) -> None:
    """Nothing is guessed and nothing raises."""
    assert program_name(path) is None
