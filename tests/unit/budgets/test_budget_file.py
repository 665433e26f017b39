"""The budget file: what is right applies, what is wrong is named with its line and field."""

from typing import Any

import pytest

from paddle_otel.budgets import Budget, Window
from paddle_otel.budgets.budget_file import UnusableFileError, read_budgets

_FULL = """\
budgets:
  - name: acme-daily
    scope: tenant
    match: {tenant: acme}
    limit: 2_000_000
    window: day            # none, minute, hour, day, 15m, {sliding: 1h}
    counts: both           # input, output, both
    action: [stop, refuse] # observe, stop, refuse
    warn_at: 80%           # or a number of tokens
    on_failure: closed
  - name: everybody
    scope: session
    limit: 1000
"""


def _one(field: str, *, drop: str = "") -> str:
    fields = {"name": "name: b", "scope": "scope: tenant", "limit": "limit: 1000"}
    fields.pop(drop, None)
    fields.pop(field.partition(":")[0], None)
    return "budgets:\n  - {}\n".format("\n    ".join([*fields.values(), field]))


def _read(text: str) -> Budget:
    content = read_budgets(text)
    assert content.problems == ()
    (budget,) = content.budgets.values()
    return budget


def _problems(text: str) -> list[str]:
    return [str(problem) for problem in read_budgets(text).problems]


def test_all_fields_are_read() -> None:
    """And those that are not there are as in code."""
    content = read_budgets(_FULL)
    assert content.problems == ()
    assert list(content.budgets.values()) == [
        Budget(
            "acme-daily",
            "tenant",
            2_000_000,
            Window("fixed", 86_400),
            "both",
            frozenset({"stop", "refuse"}),
            1_600_000,
            {"tenant": "acme"},
            "closed",
        ),
        Budget("everybody", "session", 1000),
    ]


@pytest.mark.parametrize(
    ("window", "expected"),
    [
        ("none", Window()),
        ("minute", Window("fixed", 60)),
        ("hour", Window("fixed", 3600)),
        ("day", Window("fixed", 86_400)),
        ("90s", Window("fixed", 90)),
        ("15m", Window("fixed", 900)),
        ("12 h", Window("fixed", 43_200)),
        ("7d", Window("fixed", 604_800)),
        ("{sliding: 1h}", Window("sliding", 3600)),
        ("{sliding: hour}", Window("sliding", 3600)),
        ("{fixed: 30s}", Window("fixed", 30)),
    ],
)
def test_windows_are_read(window: str, expected: Window) -> None:
    """As people write them."""
    assert _read(_one(f"window: {window}")).window == expected


@pytest.mark.parametrize(
    ("warn_at", "expected"), [("80%", 800), ("0.05%", 1), ("'99.9 %'", 999), ("100%", 1000), ("250", 250), ("0", 0)]
)
def test_a_threshold_is_a_share_of_the_limit_or_a_number(warn_at: str, expected: int) -> None:
    """A share is rounded up, exactly."""
    assert _read(_one(f"warn_at: {warn_at}")).warn_at == expected


@pytest.mark.parametrize("limit", ["1000", "1_000", "'1000'"])
def test_numbers_are_their_digits(limit: str) -> None:
    """With underlines between them, or in quotes."""
    assert _read(_one(f"limit: {limit}")).limit == 1000


@pytest.mark.parametrize("name", ["no", "on", "0123", "1e6", "2024-01-01", "客户-日", "'quoted: yes'", "😀"])
def test_a_name_is_its_letters(name: str) -> None:
    """Whatever YAML would make of them."""
    assert _read(_one(f"name: {name}")).name == name.strip("'")
    assert _read(_one(f"match: {{tenant: {name}}}")).match == {"tenant": name.strip("'")}


def test_an_action_may_stand_alone() -> None:
    """Without a list."""
    assert _read(_one("action: stop")).actions == frozenset({"stop"})


def test_an_alias_is_what_it_stands_for() -> None:
    """Anchors work as anywhere in YAML."""
    text = (
        "budgets:\n- {name: a, scope: user, limit: 1, window: &w {sliding: 1h}}\n"
        "- {name: b, scope: user, limit: 2, window: *w}\n"
    )
    content = read_budgets(text)
    assert [budget.window for budget in content.budgets.values()] == [Window("sliding", 3600)] * 2


_WHOLE = "expected a whole number such as 2000000 or 2_000_000, not"


@pytest.mark.parametrize(
    ("field", "problem"),
    [
        ("limit: 1e6", f"line 4, limit: {_WHOLE} '1e6'"),
        ("limit: 0100", f"line 4, limit: {_WHOLE} '0100'"),
        ("limit: 0x10", f"line 4, limit: {_WHOLE} '0x10'"),
        ("limit: 1:30", f"line 4, limit: {_WHOLE} '1:30'"),
        ("limit: 1.5", f"line 4, limit: {_WHOLE} '1.5'"),
        ("limit: yes", f"line 4, limit: {_WHOLE} 'yes'"),
        ("limit: -5", f"line 4, limit: {_WHOLE} '-5'"),
        ("limit: 1,000", f"line 4, limit: {_WHOLE} '1,000'"),
        ("limit: \u0661", f"line 4, limit: {_WHOLE} '\u0661'"),
        ("limit:", f"line 4, limit: {_WHOLE} nothing"),
        ("limit: [1]", f"line 4, limit: {_WHOLE} a list"),
        (
            f"limit: {2**53 + 1}",
            f"line 4, limit: expected a whole number from 0 to {2**53}, not {2**53 + 1}",
        ),
        ("limit: " + "9" * 5000, f"line 4, limit: {_WHOLE} '{'9' * 79}"),
        ("name:", "line 4, name: expected text, not nothing"),
        ("name: {a: b}", "line 4, name: expected text, not a mapping"),
        ("scope: tennant", "line 4, scope: expected request, session, tenant, user, model or process, not 'tennant'"),
        ("counts: all", "line 5, counts: expected input, output or both, not 'all'"),
        ("action: halt", "line 5, action: expected observe, stop or refuse, not 'halt'"),
        ("action: []", "line 5, action: expected one or more, not an empty list"),
        ("action: {stop: 1}", "line 5, action: expected text, not a mapping"),
        ("on_failure: no", "line 5, on_failure: expected open or closed, not 'no'"),
        ("match: acme", "line 5, match: expected a mapping such as {tenant: acme}, not 'acme'"),
        ("match: {team: a}", "line 5, match: expected tenant, user, session or model, not 'team'"),
        ("match: {tenant: [a]}", "line 5, match: tenant: expected text, not a list"),
        ("match: {tenant: a, tenant: b}", "line 5, match: 'tenant' is there twice"),
        ("match: {[a]: b}", "line 5, match: expected text, not a list"),
        (
            "window: week",
            "line 5, window: expected none, minute, hour, day, a length such as 90s, 15m, 12h or 7d, not 'week'",
        ),
        (
            "window: 60",
            "line 5, window: expected none, minute, hour, day, a length such as 90s, 15m, 12h or 7d, not '60'",
        ),
        ("window: 400d", "line 5, window: expected a whole number from 0 to 31622400, not 34560000"),
        ("window: {rolling: 1h}", "line 5, window: expected {sliding: 1h} or {fixed: 1h}"),
        ("window: ~", "line 5, window: expected text, not '~'"),
        ("warn_at: 101%", "line 5, warn_at: expected at most 100%, not '101%'"),
        ("warn_at: most", "line 5, warn_at: expected a share of the limit such as 80%, or tokens, not 'most'"),
        ("warn_at:", "line 5, warn_at: expected a share of the limit such as 80%, or tokens, not nothing"),
        ("warn_at: [80%]", "line 5, warn_at: expected a share of the limit such as 80%, or tokens, not a list"),
        ("windows: day", "line 5, windows: there is no such field; did you mean 'window'?"),
        (
            "<<: x",
            "line 5, <<: there is no such field; known: name, scope, limit, window, counts, action, match, on_failure",
        ),
        ('"x\\ny\\e[31m": 1', "line 5, x\\ny\\x1b[31m: there is no such field; known: name"),
        ("[a]: x", "line 5, a list or mapping: there is no such field; known: name"),
    ],
)
def test_what_is_wrong_is_named_with_line_and_field(field: str, problem: str) -> None:
    """And what is expected instead."""
    (found,) = _problems(_one(field))
    assert found.startswith(problem)


@pytest.mark.parametrize("missing", ["name", "scope", "limit"])
def test_what_is_missing_is_named(missing: str) -> None:
    """With the line in which the budget begins."""
    assert _problems(_one("counts: both", drop=missing)) == [f"line 2, {missing}: is missing"]


def test_all_that_is_wrong_with_a_budget_is_said() -> None:
    """Not one after the other."""
    text = "budgets:\n- name: b\n  scop: user\n  limit: x\n  counts: y\n  limit: 3\n"
    assert _problems(text) == [
        "line 3, scop: there is no such field; did you mean 'scope'?",
        f"line 4, limit: {_WHOLE} 'x'",
        "line 5, counts: expected input, output or both, not 'y'",
        "line 6, limit: is there twice",
    ]


def test_a_wrong_budget_keeps_no_other_out() -> None:
    """It is known by its name."""
    content = read_budgets(_FULL.replace("scope: tenant", "scope: team") + "  - just text\n")
    assert list(content.budgets) == ["everybody"]
    assert content.wrong == {"acme-daily"}
    assert [problem.line for problem in content.problems] == [3, 14]


def test_of_two_with_one_name_the_first_holds() -> None:
    """Also where it is wrong: the second is not taken for it."""
    text = "budgets:\n- {name: a, scope: user, limit: 1}\n- {name: a, scope: user, limit: 2}\n"
    assert read_budgets(text).budgets["a"].limit == 1
    assert _problems(text) == ["line 3, name: 'a' is the name of line 2 too"]
    wrong_first = read_budgets(text.replace("limit: 1", "limit: x"))
    assert (wrong_first.budgets, wrong_first.wrong) == ({}, {"a"})


def test_other_things_in_the_file_are_named() -> None:
    """The budgets apply."""
    content = read_budgets("version: 1\n" + _FULL)
    assert len(content.budgets) == 2
    assert [str(one) for one in content.problems] == ["line 1, version: there is no such field; known: budgets"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the file is empty; `budgets: []` says that there are none"),
        ("# nothing\n", "the file is empty"),
        ("null\n", "line 1: expected `budgets:` and a list below it"),
        ("- name: a\n", "line 1: expected `budgets:` and a list below it"),
        ("budget: []\n", "line 1, budget: there is no such field; did you mean 'budgets'?"),
        ("{}\n", "expected `budgets:` and a list below it"),
        ("budgets:\n", "line 1, budgets: expected one list"),
        ("budgets: {a: 1}\n", "line 1, budgets: expected one list"),
        ("budgets: []\nbudgets: []\n", "line 2, budgets: expected one list"),
        ("budgets:\n  - name: [a\n", "line 3: "),
        ("budgets:\n\t- a\n", "line 2: "),
        ("budgets: *x\n", "line 1: found undefined alias"),
        ("budgets: []\n---\nbudgets: []\n", "line 2: "),
        ("budgets: \x07\n", "control characters are not allowed"),
        ("[" * 300_000, "line 1: lists within lists, too deep"),
        ("budgets: " + "{a: " * 50, "line 1: lists within lists, too deep"),
    ],
)
def test_a_file_that_is_no_budget_file_is_refused_as_a_whole(text: str, message: str) -> None:
    """With the line where there is one."""
    with pytest.raises(UnusableFileError) as raised:
        read_budgets(text)
    assert message in str(raised.value)


def test_an_empty_list_means_no_budgets() -> None:
    """That is how all are removed."""
    assert read_budgets("budgets: []\n") == ({}, frozenset(), ())


def test_a_reader_in_python_alone_reads_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where PyYAML was installed without its C library."""
    import yaml  # noqa: PLC0415 - for this test alone

    pure: Any = yaml.SafeLoader
    monkeypatch.setattr("paddle_otel.budgets.budget_file._LOADER", pure)
    assert len(read_budgets(_FULL).budgets) == 2
    with pytest.raises(UnusableFileError, match="too deep"):
        read_budgets("[" * 5000)
