"""The error boundary: telemetry trouble stops here, is said once, and quotes nothing."""

import logging
from typing import Any

import pytest

from paddle_otel.guard import forget_reported_sites, guard, guarded, report

SECRET = "the user's prompt"


class BrokenHandler(logging.Handler):
    """A log handler of the user's that raises."""

    def emit(self, record: logging.LogRecord) -> None:
        """Raise."""
        raise RuntimeError(record.name)


@pytest.fixture(autouse=True)
def trouble_is_the_subject(telemetry_trouble: Any) -> None:
    """Trouble that is kept from the user is what is tested here, not a fault."""
    telemetry_trouble.expected = True


@guarded("counting what a test counts")
def count(text: str, *, fail: bool = False) -> int:
    """Count letters, or fail with a message that quotes them."""
    if fail:
        raise ValueError(text)
    return len(text)


def fail_deeper(error: BaseException) -> None:
    """Raise from a function whose name can be looked for."""
    raise error


@pytest.mark.parametrize("error", [ValueError(SECRET), MemoryError(), ModuleNotFoundError(SECRET), RecursionError()])
def test_exceptions_end_here(error: Exception) -> None:
    """Whatever Exception telemetry raises, the program goes on after the block."""
    reached = False
    with guard("testing"):
        fail_deeper(error)
        reached = True
    assert not reached


@pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(3), GeneratorExit()])
def test_the_program_s_own_signals_pass(error: BaseException, caplog: pytest.LogCaptureFixture) -> None:
    """Ctrl-C, exit and the end of a generator belong to the program, in the block and in the decorated function."""

    @guarded("testing")
    def function() -> None:
        raise error

    with pytest.raises(type(error)) as caught, guard("testing"):
        raise error
    assert caught.value is error
    with pytest.raises(type(error)) as caught:
        function()
    assert caught.value is error
    assert not caplog.records


def test_a_guarded_function_returns_its_result_or_none() -> None:
    """Arguments, result, name and documentation are the function's own; None where it would have raised."""
    assert count("four") == 4
    assert count("four", fail=True) is None
    assert count.__name__ == "count"
    assert count.__doc__ == "Count letters, or fail with a message that quotes them."


def test_nothing_is_logged_without_trouble(caplog: pytest.LogCaptureFixture) -> None:
    """The boundary is silent where all is well."""
    with guard("testing"):
        count("four")
    assert not caplog.records


def test_a_site_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    """A fault in every request makes one line, another fault elsewhere its own."""
    for site in ("reading the prompt", "reading the prompt", "ending the span", "reading the prompt"):
        with guard(site):
            raise ValueError
    assert [message.split(" (")[0] for message in caplog.messages] == [
        "Telemetry failed while reading the prompt",
        "Telemetry failed while ending the span",
    ]
    assert {(record.name, record.levelno) for record in caplog.records} == {("paddle_otel", logging.WARNING)}


def test_block_function_and_report_share_a_site(caplog: pytest.LogCaptureFixture) -> None:
    """Once means once, however the site is guarded."""
    count("four", fail=True)
    with guard("counting what a test counts"):
        raise ValueError
    report("counting what a test counts", ValueError())
    assert len(caplog.records) == 1


def test_the_log_tells_type_and_place_but_no_message(caplog: pytest.LogCaptureFixture) -> None:
    """A message may quote the prompt that caused it, so only the type and the code locations are logged."""
    with guard("testing"):
        try:
            fail_deeper(KeyError(SECRET))
        except KeyError as cause:
            raise ValueError(SECRET) from cause
    (message,) = caplog.messages
    assert "Telemetry failed while testing (ValueError)" in message
    assert "your program's own calls are not affected" in message
    assert f'File "{__file__}", line ' in message
    assert SECRET not in caplog.text


def test_the_log_tells_every_function_on_the_way(caplog: pytest.LogCaptureFixture) -> None:
    """A report with these lines is enough to find the fault."""
    with guard("testing"):
        fail_deeper(ValueError(SECRET))
    assert "in fail_deeper" in caplog.text
    assert "in test_the_log_tells_every_function_on_the_way" in caplog.text


def test_a_broken_log_handler_does_not_raise() -> None:
    """Saying that something failed cannot make something else fail."""
    handler = BrokenHandler()
    logger = logging.getLogger("paddle_otel")
    logger.addHandler(handler)
    try:
        with pytest.raises(RuntimeError):
            logger.warning("the handler is indeed broken")
        with guard("testing"):
            raise ValueError
        assert count("four", fail=True) is None
        report("elsewhere", ValueError())
    finally:
        logger.removeHandler(handler)


def test_forgotten_sites_are_logged_again(caplog: pytest.LogCaptureFixture) -> None:
    """Tests start with no site reported."""
    report("testing", ValueError())
    forget_reported_sites()
    report("testing", ValueError())
    assert len(caplog.records) == 2
