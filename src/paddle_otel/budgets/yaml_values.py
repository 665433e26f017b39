"""Reads the values of a budget file as they are written.

YAML 1.1 takes ``no`` for false, ``0100`` for 64 and ``1:30`` for 90. Here a name is its letters and a number is its
digits, whatever YAML would make of them.
"""

import math
import re
from collections.abc import Iterator
from fractions import Fraction
from typing import Final

from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from paddle_otel.budgets.budget import Window

_WHOLE: Final = re.compile(r"0|[1-9](?:_?[0-9])*")
_PERCENT: Final = re.compile(r"([0-9]+(?:\.[0-9]+)?) ?%")
_LENGTH: Final = re.compile(r"([1-9][0-9]*) ?([smhd])")
_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_NAMED: Final = {"minute": 60, "hour": 3600, "day": 86_400}
_NULL: Final = "tag:yaml.org,2002:null"
_LONGEST_NUMBER: Final = 40  # digits; Python refuses to read very long ones


def text(node: Node) -> str:
    """Read text.

    Raises:
        ValueError: It is something else; so in all functions here.
    """
    if not isinstance(node, ScalarNode) or node.tag == _NULL:
        raise ValueError(f"expected text, not {_what(node)}")
    return str(node.value)


def whole(node: Node) -> int:
    """Read a whole number, as ``2000000`` or ``2_000_000``."""
    written = str(node.value) if isinstance(node, ScalarNode) else ""
    if not _WHOLE.fullmatch(written) or len(written) > _LONGEST_NUMBER:
        raise ValueError(f"expected a whole number such as 2000000 or 2_000_000, not {_what(node)}")
    return int(written)


def threshold(node: Node, limit: int) -> int:
    """Read a number of tokens, or a share of the limit such as ``80%``."""
    percent = _PERCENT.fullmatch(str(node.value)) if isinstance(node, ScalarNode) else None
    if percent is None:
        try:
            return whole(node)
        except ValueError:
            raise ValueError(f"expected a share of the limit such as 80%, or tokens, not {_what(node)}") from None
    share = Fraction(percent[1])
    if share > 100:  # noqa: PLR2004 - percent
        raise ValueError(f"expected at most 100%, not {_what(node)}")
    return math.ceil(limit * share / 100)


def texts(node: Node) -> frozenset[str]:
    """Read one text or a list of them."""
    if isinstance(node, SequenceNode):
        if not node.value:
            raise ValueError("expected one or more, not an empty list")
        return frozenset(text(one) for one in node.value)
    return frozenset({text(node)})


def mapping(node: Node) -> dict[str, str]:
    """Read texts by their names."""
    if not isinstance(node, MappingNode):
        raise ValueError(f"expected a mapping such as {{tenant: acme}}, not {_what(node)}")  # noqa: TRY004 - one kind
    found: dict[str, str] = {}
    for key, value in pairs(node):
        if key in found:
            raise ValueError(f"{key!r} is there twice")
        try:
            found[key] = text(value)
        except ValueError as error:
            raise ValueError(f"{key}: {error}") from None
    return found


def window(node: Node) -> Window:
    """Read a window: ``none``, ``minute``, ``hour``, ``day``, ``15m`` or ``{sliding: 1h}``."""
    if isinstance(node, MappingNode):
        found = mapping(node)
        if len(found) == 1 and (kind := next(iter(found))) in {"sliding", "fixed"}:
            return Window("sliding" if kind == "sliding" else "fixed", _seconds(found[kind]))
        raise ValueError("expected {sliding: 1h} or {fixed: 1h}")
    written = text(node)
    return Window() if written == "none" else Window("fixed", _seconds(written))


def pairs(node: MappingNode) -> Iterator[tuple[str, Node]]:
    """Return the names and values of a mapping.

    Raises:
        ValueError: A name is no text.
    """
    for key, value in node.value:
        yield text(key), value


def _seconds(written: str) -> int:
    if written in _NAMED:
        return _NAMED[written]
    length = _LENGTH.fullmatch(written)
    if length is None or len(written) > _LONGEST_NUMBER:
        raise ValueError(f"expected none, minute, hour, day, a length such as 90s, 15m, 12h or 7d, not {written!r:.80}")
    return int(length[1]) * _SECONDS[length[2]]


def _what(node: Node) -> str:
    match node:
        case ScalarNode():
            return "nothing" if node.tag == _NULL and not node.value else f"{node.value!r:.80}"
        case SequenceNode():
            return "a list"
        case _:
            return "a mapping"
