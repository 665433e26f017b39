"""Settings from the environment: right values are used, wrong ones are reported and never stop a program."""

import dataclasses
import logging
import os
from collections.abc import Mapping
from typing import Any, cast

import pytest

from paddle_otel.settings import Settings

FIELDS = [field.name for field in dataclasses.fields(Settings)]


def variable_of(field: str) -> str:
    """Name the variable of a setting."""
    return f"PADDLE_OTEL_{field.upper()}"


def test_defaults_without_variables(caplog: pytest.LogCaptureFixture) -> None:
    """An empty environment gives the defaults, in silence."""
    assert Settings.from_environment({}) == Settings()
    assert not caplog.records


@pytest.mark.parametrize("field", FIELDS)
def test_every_setting_has_a_documented_variable(field: str, caplog: pytest.LogCaptureFixture) -> None:
    """Each variable is in the documentation, is read, and takes its own default as a value."""
    default = getattr(Settings(), field)
    assert f"``{variable_of(field)}``" in cast("str", Settings.__doc__)
    assert Settings.from_environment({variable_of(field): str(default)}) == Settings()
    assert not caplog.records


@pytest.mark.parametrize("blank", ["", "  ", "\t"])
@pytest.mark.parametrize("field", FIELDS)
def test_a_blank_variable_is_one_that_is_not_set(field: str, blank: str, caplog: pytest.LogCaptureFixture) -> None:
    """Deployment files often hold empty variables: they mean the default."""
    assert Settings.from_environment({variable_of(field): blank}) == Settings()
    assert not caplog.records


@pytest.mark.parametrize(
    ("field", "raw", "expected"),
    [
        ("enabled", "false", False),
        ("enabled", "FALSE", False),
        ("enabled", "0", False),
        ("enabled", "True", True),
        ("enabled", " 1 ", True),
        ("generation_span_kind", "client", "client"),
        ("generation_span_kind", "CLIENT", "client"),
        ("sampler_interval", "0.1", 0.1),
        ("sampler_interval", "15", 15.0),
        ("file_directory", "/var/log/shop", "/var/log/shop"),
        ("file_max_bytes", "4096", 4096),
        ("file_backups", "0", 0),
        ("file_backups", "12", 12),
    ],
)
def test_right_values_are_used(field: str, raw: str, expected: object, caplog: pytest.LogCaptureFixture) -> None:
    """The value arrives in its type, the other settings keep their defaults."""
    found = Settings.from_environment({variable_of(field): raw})
    assert found == dataclasses.replace(Settings(), **cast("dict[str, Any]", {field: expected}))
    assert type(getattr(found, field)) is type(expected)
    assert not caplog.records


@pytest.mark.parametrize(
    ("field", "raw", "reason"),
    [
        ("enabled", "abc", "expected true or false"),
        ("enabled", "2", "expected true or false"),
        ("generation_span_kind", "server", "expected internal or client"),
        ("sampler_interval", "abc", "expected a number of seconds, 0.1 or more"),
        ("sampler_interval", "-1", "expected a number of seconds, 0.1 or more"),
        ("sampler_interval", "0.09", "expected a number of seconds, 0.1 or more"),
        ("sampler_interval", "nan", "expected a number of seconds, 0.1 or more"),
        ("sampler_interval", "inf", "expected a number of seconds, 0.1 or more"),
        ("sampler_interval", "1s", "expected a number of seconds, 0.1 or more"),
        ("file_max_bytes", "64MB", "expected a whole number, 4096 or more"),
        ("file_max_bytes", "4095", "expected a whole number, 4096 or more"),
        ("file_max_bytes", "1e6", "expected a whole number, 4096 or more"),
        ("file_max_bytes", "9" * 5000, "expected a whole number, 4096 or more"),
        ("file_backups", "-1", "expected a whole number, 0 or more"),
        ("file_backups", "1.5", "expected a whole number, 0 or more"),
    ],
)
def test_wrong_values_are_reported_once(field: str, raw: str, reason: str, caplog: pytest.LogCaptureFixture) -> None:
    """One warning names the variable, the value, what was expected and the default that is used instead."""
    for _ in range(3):
        assert Settings.from_environment({variable_of(field): raw}) == Settings()
    default = getattr(Settings(), field)
    assert [(record.name, record.levelno) for record in caplog.records] == [("paddle_otel", logging.WARNING)]
    assert caplog.messages == [
        f"{variable_of(field)}={raw!r} is not usable: {reason}. The default {default!r} is used."
    ]


def test_one_wrong_value_spoils_no_other(caplog: pytest.LogCaptureFixture) -> None:
    """Each wrong variable has its own warning; the right ones beside it are used."""
    environment = {
        "PADDLE_OTEL_SAMPLER_INTERVAL": "fast",
        "PADDLE_OTEL_FILE_BACKUPS": "many",
        "PADDLE_OTEL_FILE_MAX_BYTES": "5000",
    }
    assert Settings.from_environment(environment) == dataclasses.replace(Settings(), file_max_bytes=5000)
    assert sorted(message.split("=")[0] for message in caplog.messages) == [
        "PADDLE_OTEL_FILE_BACKUPS",
        "PADDLE_OTEL_SAMPLER_INTERVAL",
    ]


def test_a_misspelt_name_is_reported_with_a_hint(caplog: pytest.LogCaptureFixture) -> None:
    """A variable that would be ignored in silence is named once, with the one that was meant."""
    for _ in range(3):
        assert Settings.from_environment({"PADDLE_OTEL_SAMPLE_INTERVAL": "5"}) == Settings()
    (message,) = caplog.messages
    assert message == (
        "PADDLE_OTEL_SAMPLE_INTERVAL is not a setting of paddle-otel and has no effect; the defaults are used. "
        "Did you mean PADDLE_OTEL_SAMPLER_INTERVAL?"
    )


def test_an_unknown_name_is_reported_with_the_known_ones(caplog: pytest.LogCaptureFixture) -> None:
    """Where nothing is similar, all names are listed."""
    Settings.from_environment({"PADDLE_OTEL_XYZZY": "5"})
    (message,) = caplog.messages
    assert message.startswith("PADDLE_OTEL_XYZZY is not a setting of paddle-otel")
    assert all(variable_of(field) in message for field in FIELDS)


@pytest.mark.parametrize("environment", [{"OTEL_TRACES_EXPORTER": "x"}, {"PADDLE_TRAINER_ID": "x"}, {"PATH": "x"}])
def test_variables_of_others_are_not_ours(environment: Mapping[str, str], caplog: pytest.LogCaptureFixture) -> None:
    """OpenTelemetry's and Paddle's own variables are nobody's misspelling."""
    assert Settings.from_environment(environment) == Settings()
    assert not caplog.records


def test_the_process_environment_is_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    """Variables set after the import count: they are read at the call."""
    for name in [name for name in os.environ if name.startswith("PADDLE_OTEL_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PADDLE_OTEL_FILE_BACKUPS", "7")
    assert Settings.from_environment() == dataclasses.replace(Settings(), file_backups=7)


def test_settings_do_not_change() -> None:
    """What was read is the same for everybody who holds it."""
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(Settings(), FIELDS[0], None)
