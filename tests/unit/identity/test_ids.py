"""What may be an id, whoever sends it."""

import sys
import time
import unicodedata
from hashlib import sha256

import pytest

from paddle_otel.identity.values import LONGEST, MOST_HASHED, known_id


@pytest.mark.parametrize(
    "text", ["acme", "租户-一", "a b", "naïve", "🦆", "x" * LONGEST, "a,b;c=d", "~", "\\x00", "e\u0301"]
)
def test_what_is_short_and_can_be_shown_stays(text: str) -> None:
    """In any script, up to the longest."""
    assert known_id(text) == text


@pytest.mark.parametrize("text", [" acme", "acme\n", "\t acme \r\n", "\u3000acme\u00a0", "\x1facme\x85"])
def test_whitespace_at_the_ends_is_dropped(text: str) -> None:
    """As proxies do with header values."""
    assert known_id(text) == "acme"


@pytest.mark.parametrize("value", ["", " ", "\r\n\t", None, 0, 5, 1.5, True, b"acme", ["acme"], object()])
def test_what_is_no_text_or_empty_is_unknown(value: object) -> None:
    """Nothing is made up from it."""
    assert known_id(value) is None


class Text(str):
    """Text of a class of its own, which shows itself as something else."""

    __slots__ = ()

    def strip(self, *_: object) -> str:
        """Lie."""
        return "somebody else"

    def __len__(self) -> int:
        """Lie."""
        return 1


def test_text_of_another_class_becomes_plain_text() -> None:
    """Exporters know no other, and what its methods say does not matter."""
    found = known_id(Text("acme"))
    assert (found, type(found)) == ("acme", str)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("ac\x00me", "acme"),
        ("ac\u202eme", "acme"),
        ("ac\u200bme", "acme"),
        ("ac\ud800me", "acme"),
        ("ac\nme", "acme"),
        ("\x00 acme", "acme"),
        ("x" * (LONGEST + 1), "x" * (LONGEST - 33)),
        ("\x00", ""),
    ],
)
def test_others_are_replaced_by_what_can_be_shown_and_a_hash(text: str, shown: str) -> None:
    """The same on every machine, no longer than the longest, and it stays as it is from then on."""
    digits = sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]
    found = known_id(text) or ""
    assert found == f"{shown}~{digits}"
    assert len(found) <= LONGEST
    assert found.isprintable()
    assert known_id(found) == found
    found.encode("utf-8")


def test_two_long_ids_with_one_beginning_stay_two() -> None:
    """A cut would make one tenant of them."""
    texts = ["x" * 200 + "a", "x" * 200 + "b", "x" * 200, "x" * 128 + "\x00", "x" * 128 + "\x01"]
    assert len({known_id(text) for text in texts}) == len(texts)


def test_two_large_ids_stay_two() -> None:
    """Up to what a header can be, wherever they differ; as all others they are without whitespace at their ends."""
    half = MOST_HASHED // 2
    texts = ["x" * 9000, "x" * 9001, "x" * 4500 + "a" + "x" * 4499, "x" * half + "a" + "x" * (half - 1)]
    found = [known_id(text) for text in texts]
    assert len(set(found)) == len(texts)
    assert all(one is not None and len(one) <= LONGEST for one in found)
    assert known_id(" " * 5000) is None
    assert known_id(" " * 5000 + "acme") == "acme"


def test_two_huge_ids_stay_two_where_their_ends_or_lengths_differ() -> None:
    """The middle of an id that no header can be is not looked at."""
    size = 2 * MOST_HASHED
    texts = ["x" * size, "x" * (size + 1), "a" + "x" * (size - 1), "x" * (size - 1) + "a"]
    found = [known_id(text) for text in texts]
    assert len(set(found)) == len(texts)
    assert all(one is not None and len(one) <= LONGEST for one in found)
    assert known_id("x" * (size // 2) + "a" + "x" * (size // 2 - 1)) == found[0]


@pytest.mark.parametrize("character", ["\U0001fae8", "\u0378", "\U0001c000", "\ufdd0"])
def test_what_a_later_unicode_may_show_stays(character: str) -> None:
    """Whether a Python knows a character yet depends on its version: the same tenant is one on all machines."""
    assert known_id(f"ac{character}me") == f"ac{character}me"


def test_what_is_hidden_is_so_in_every_version_of_unicode() -> None:
    """Everything that this Python knows and cannot show is replaced, and all else stays."""
    wrong: list[str] = []
    for number in range(sys.maxunicode + 1):
        character = chr(number)
        shown = character.isprintable() or unicodedata.category(character) == "Cn"
        kept = known_id(f"a{character}b") == f"a{character}b"
        if kept != shown and character not in LATER_FORMATS:
            wrong.append(f"U+{number:04X}")
    assert wrong == []


LATER_FORMATS = {chr(number) for number in (0x0890, 0x0891, *range(0x13430, 0x13440))}
"""Letters that format text, some of them only since a Unicode that not all Pythons have: always replaced."""


@pytest.mark.parametrize("unit", ["x", " ", "\x00", "\ud800", "租"])
def test_a_megabyte_costs_nothing_notable(unit: str) -> None:
    """A thousand of them in less than it takes to hash a few: the work does not grow with the length."""
    text = unit * 1_000_000
    began = time.thread_time()
    for _ in range(1000):
        known_id(text)
    assert time.thread_time() - began < 2.0
