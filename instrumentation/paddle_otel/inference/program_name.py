"""Names a model by the file or folder that its program was loaded from."""

import os
from pathlib import PurePosixPath
from typing import Any, Final, cast

_EXTENSIONS: Final = frozenset({".pdmodel", ".pdiparams", ".pdparams", ".json"})

# What exporters call the file of any model: the folder tells which one it is.
_GENERIC_STEMS: Final = frozenset(
    {
        "__model__",
        "__params__",
        "export",
        "exported",
        "exported_model",
        "infer",
        "inference",
        "inference_model",
        "model",
        "params",
        "program",
        "saved_model",
        "static",
        "static_model",
    }
)

# Parts of a path that are places, not names; and the name that paddle.incubate.jit.inference gives the folder of every
# model, which is that of the method.
_NO_NAMES: Final = frozenset({"", ".", "..", "~", "forward"})


def program_name(path: object) -> str | None:
    """Name a model by its program's path.

    Args:
        path: A file of the program, its path without extension, or the folder that holds it.

    Returns:
        The last part of the path without extension; where any model's file could be called that (``inference``,
        ``model``, ``__model__``), the name of its folder. ``None`` when there is no such part.
    """
    if not isinstance(path, str | os.PathLike):
        return None
    given = PurePosixPath(os.fsdecode(cast("Any", path)).replace("\\", "/"))
    # A version is no extension: ch_PP-OCRv4.1
    name = given.stem if given.suffix.lower() in _EXTENSIONS else given.name
    if name.lower() in _GENERIC_STEMS:
        name = given.parent.name
    return None if name in _NO_NAMES else name
