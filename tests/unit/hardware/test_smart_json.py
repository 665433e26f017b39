"""JSON that a program printed which nobody vouches for."""

import json
import time

import pytest

from paddle_otel.hardware.smart import json_fields as fields


@pytest.mark.parametrize(
    "output",
    [
        b"",
        b"{",
        b"[]",
        b'"x"',
        b"3",
        b"null",
        b"smartctl 6.6 2017-11-05 r4594\n=======> INVALID CHARACTER(S): j\n",
        b"[" * 1_000_000,
        b'{"a":' * 200_000,
        b"\xff\xfe\x00",
        b'{"a": 1} {"b": 2}',
    ],
    ids=lambda output: repr(output[:20]),
)
def test_what_is_no_object_is_nothing(output: bytes) -> None:
    """Text, other JSON, and JSON that is nested too deep."""
    assert fields.decode(output) is None


def test_numbers_that_are_none() -> None:
    """Not-a-number, infinities, and numbers that are larger than any counter."""
    answer = fields.decode(b'{"a": NaN, "b": Infinity, "c": -Infinity, "d": 1e999, "e": 18446744073709551616, "f": 1}')
    assert answer is not None
    assert [fields.number(answer, key) for key in "abcdef"] == [None, None, None, None, None, 1.0]
    assert [fields.count(answer, key) for key in "abcdef"] == [None, None, None, None, None, 1]


def test_number_of_a_million_digits_takes_no_time() -> None:
    """Converting it would: its time grows with the square of its length."""
    before = time.process_time()
    answer = fields.decode(b'{"a": ' + b"9" * 1_000_000 + b', "b": ' + b"9" * 41 + b', "c": 7}')
    assert time.process_time() - before < 1
    assert answer == {"a": None, "b": None, "c": 7}


def test_largest_count() -> None:
    """OTLP has 63 bits; one number above would make a whole export fail."""
    answer = {"most": 2**63 - 1, "more": 2**63, "less": -1, "truth": True, "text": "1", "share": 1.0}
    assert [fields.count(answer, key) for key in answer] == [2**63 - 1, None, None, None, None, None]
    assert fields.number(answer, "truth") is None
    assert fields.number(answer, "less") == -1.0
    assert type(fields.number(answer, "less")) is float


def test_the_last_of_duplicate_keys_holds() -> None:
    """As everywhere in Python."""
    assert fields.decode(b'{"a": 1, "a": 2}') == {"a": 2}


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("ST4000", "ST4000"),
        ("  ST 4000  ", "ST 4000"),
        ("ST\x00\x1b[31m\n4000", "ST[31m4000"),
        ("ST\ud800\udc00x\ud800", "STx"),
        ("\u202eST4000", "ST4000"),
        ("Größe", "Größe"),
        ("x" * 1000, "x" * 128),
        ("", None),
        (" \t", None),
        (3, None),
        (["x"], None),
    ],
)
def test_text_can_be_exported(written: object, read: str | None) -> None:
    """Control characters and halves of surrogates are left out: one of them would make a whole export fail."""
    assert fields.text({"a": written}, "a") == read
    assert read is None or read.encode()


def test_surrogates_in_json() -> None:
    """JSON may spell halves of surrogates; Python lets them pass."""
    answer = fields.decode(json.dumps({"a": "S\ud800T"}).encode())
    assert answer is not None
    assert fields.text(answer, "a") == "ST"


def test_paths() -> None:
    """A path that leads nowhere, or through what is no object, leads to nothing."""
    answer = {"a": {"b": {"c": 1}}, "d": [{"e": 2}, 3, {"e": 4}], "f": True}
    assert fields.count(answer, "a", "b", "c") == 1
    assert fields.count(answer, "a", "x", "c") is None
    assert fields.count(answer, "d", "b", "c") is None
    assert fields.under(answer, "a", "b") == {"c": 1}
    assert fields.under(answer, "d") == {}
    assert fields.objects(answer, "d") == [{"e": 2}, {"e": 4}]
    assert fields.objects(answer, "a") == ()
    assert fields.flag(answer, "f") is True
    assert fields.flag(answer, "a") is None


def test_lists_are_bounded() -> None:
    """Nobody has more disks."""
    assert len(fields.objects({"a": [{"b": 1}] * 5000}, "a")) == 1024
