"""How the counts of budgets are called in Redis."""

import pytest

from paddle_otel.budgets.budget import Window
from paddle_otel.budgets.shared_keys import LONGEST_PART, key_prefix


def test_a_key_says_what_is_counted() -> None:
    """Scope, budget and subject in braces, so that a cluster keeps them together; then the window."""
    assert key_prefix("tenant", "daily", "acme", Window()) == "paddle-otel:budget:{tenant:daily:acme}:none"
    fixed = key_prefix("model", "a-b_c.d", "~", Window("fixed", 86400))
    assert fixed == "paddle-otel:budget:{model:a-b_c.d:~}:fixed-86400"
    assert key_prefix("user", "b", "u", Window("sliding", 60)) == "paddle-otel:budget:{user:b:u}:sliding-60"


@pytest.mark.parametrize("name", ["a:b", "{a}", "a b", "a\nb", "a\0", "a*b", "Ü", "张三", "\ud800", "a%3Ab", ""])
def test_no_letter_of_a_name_means_anything_in_a_key(name: str) -> None:
    """Colons, braces, blanks, line ends, patterns, other scripts, lone surrogates."""
    key = key_prefix("tenant", name, name, Window())
    inside = key.removeprefix("paddle-otel:budget:{tenant:").removesuffix("}:none")
    budget, subject = inside.split(":")
    assert budget == subject
    assert set(inside) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.~%:")


def test_different_names_have_different_keys() -> None:
    """Also long ones that begin alike, and one that looks like the shortened form of another."""
    long = "x" * 500
    names = ["", "a", "a:b", "a%3Ab", "A", "x" * LONGEST_PART, long, long + "y", "y" + long]
    shortened = key_prefix("user", "b", long, Window()).split(":")[4].removesuffix("}")
    keys = {key_prefix("user", "b", name, Window()) for name in [*names, shortened]}
    assert len(keys) == len(names) + 1
    assert key_prefix("user", "a:b", "c", Window()) != key_prefix("user", "a", "b:c", Window())


def test_no_key_is_long() -> None:
    """However long the names are; ones that just fit are written out."""
    assert len(key_prefix("session", "b" * 100_000, "张" * 100_000, Window("sliding", 86400))) < 300
    assert "x" * LONGEST_PART in key_prefix("user", "b", "x" * LONGEST_PART, Window())
    assert "x" * LONGEST_PART not in key_prefix("user", "b", "x" * (LONGEST_PART + 1), Window())
