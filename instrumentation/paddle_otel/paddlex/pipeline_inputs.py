"""How many inputs a pipeline is given, where that can be told without reading them."""

import os.path
import sys
from typing import Any, Final, cast

_INPUT: Final = "input"
_OF_MANY_PAGES: Final = (".pdf", ".tif", ".tiff")


def input_count(args: tuple[Any, ...], kwargs: dict[str, Any]) -> int | None:
    """Return the number of inputs in the arguments of a ``predict`` method.

    Args:
        args: Positional arguments; the first one is the input.
        kwargs: Keyword arguments; ``input`` is the input.

    Returns:
        ``None`` when it cannot be told: a folder or a PDF holds nobody knows how many images, an iterator would be
        consumed.
    """
    given = args[0] if args else kwargs.get(_INPUT)
    if isinstance(given, (list, tuple)):
        several = cast("list[Any]", given)
        return None if any(map(_stands_for_several, several)) else len(several)
    return 1 if _is_one(given) and not _stands_for_several(given) else None


def _is_one(given: Any) -> bool:
    numpy = sys.modules.get("numpy")
    return isinstance(given, (str, dict)) or (numpy is not None and isinstance(given, numpy.ndarray))


def _stands_for_several(given: Any) -> bool:
    # os.path, because pathlib takes three times as long.
    return isinstance(given, str) and (given.lower().endswith(_OF_MANY_PAGES) or os.path.isdir(given))  # noqa: PTH112 - see above
