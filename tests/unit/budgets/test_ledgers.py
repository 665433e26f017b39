"""Which ledger counts what: the shared one is opened only where it is set."""

import subprocess
import sys
from types import SimpleNamespace
from typing import Any

import pytest

from paddle_otel.budgets import Budget, ledgers
from paddle_otel.budgets.ledger import Account, Taken
from paddle_otel.budgets.ledgers import Ledgers
from paddle_otel.budgets.memory_ledger import MemoryLedger
from paddle_otel.budgets.registry import Budgets
from paddle_otel.budgets.spending import Spender
from paddle_otel.identity import Identity
from paddle_otel.settings import Settings
from recording import Recorder


class Shared(MemoryLedger):
    """Stands for a ledger outside of this process."""

    def __init__(self, address: str, wait: float) -> None:
        super().__init__()
        self.address = address
        self.wait = wait
        self.calls: list[str] = []
        self.health = SimpleNamespace(name="redis", available=True, errors=dict[str, int]())

    def opened(self, account: Account) -> None:
        """Note it."""
        self.calls.append(f"opened {account.subject} {account.is_closed}")

    def closed(self, account: Account) -> None:
        """Note it."""
        self.calls.append(f"closed {account.subject}")

    def shut(self) -> None:
        """Note it."""
        self.calls.append("shut")


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[Shared]:
    """The shared ledgers that were opened."""
    found: list[Shared] = []

    def open_one(address: str, wait: float) -> Any:
        found.append(Shared(address, wait))
        return found[-1]

    monkeypatch.setattr(ledgers, "_open", open_one)
    return found


def test_all_counts_stay_here_unless_a_shared_ledger_is_set(opened: list[Shared]) -> None:
    """Nothing is opened."""
    found = Ledgers()
    found.load(Settings())
    assert opened == []
    assert found.of("tenant") is found.memory
    assert found.shared_health is None


def test_what_a_request_or_the_process_spends_stays_here(opened: list[Shared]) -> None:
    """The rest is counted with the other processes."""
    found = Ledgers()
    found.load(Settings(budget_ledger="redis://a", budget_ledger_wait=0.5))
    assert [(one.address, one.wait) for one in opened] == [("redis://a", 0.5)]
    assert [found.of(scope) is found.memory for scope in ("request", "process")] == [True, True]
    assert [found.of(scope) for scope in ("session", "tenant", "user", "model")] == opened * 4


def test_a_shared_ledger_is_opened_once_and_left_when_the_setting_changes(opened: list[Shared]) -> None:
    """With what it holds given back."""
    found = Ledgers()
    for address in ("redis://a", "redis://a", "redis://b", ""):
        found.load(Settings(budget_ledger=address))
    assert [(one.address, one.calls) for one in opened] == [("redis://a", ["shut"]), ("redis://b", ["shut"])]
    assert found.of("tenant") is found.memory


def test_a_ledger_knows_which_requests_spend_from_it(budgets: Budgets, opened: list[Shared]) -> None:
    """Each opens its account once and closes it once, also one that is refused."""
    budgets.load(Settings(budget_ledger="redis://a"))
    budgets.set_budget(Budget("b", "tenant", 1, actions=frozenset({"refuse"}), on_failure="closed"))
    for _ in range(2):
        spending = budgets.begin(Spender(Identity(tenant="acme"), None, None, 1))
        assert spending is not None
        spending.end(0, 1)
        spending.end(0, 1)
    assert opened[0].calls == ["opened acme True", "closed acme"] * 2


def test_a_ledger_that_cannot_be_asked_closes_a_closed_budget(
    budgets: Budgets, opened: list[Shared], monkeypatch: pytest.MonkeyPatch, recorder: Recorder
) -> None:
    """The refusal says why, and neither it nor the event invents a count."""
    reporter: Any = SimpleNamespace(logger=recorder.logger_provider.get_logger("test"))
    budgets.load(Settings(budget_ledger="redis://a"))
    budgets.set_budget(Budget("b", "tenant", 100, actions=frozenset({"stop", "refuse"}), on_failure="closed"))
    running = budgets.begin(Spender(Identity(tenant="acme"), None, None, 1))
    assert running is not None

    def take(*_: object) -> Taken:
        return Taken(granted=False, used=None, bucket=0)

    def retry_after(*_: object) -> None:
        """Return that it is not known."""

    monkeypatch.setattr(opened[0], "take", take)
    monkeypatch.setattr(opened[0], "retry_after", retry_after)
    assert running.step(1) is True
    refused = budgets.begin(Spender(Identity(tenant="acme"), None, None, 1), reporter)
    assert refused is not None
    assert refused.refusal is not None
    attributes = recorder.event("paddle.budget.exceeded").attributes
    assert attributes is not None
    assert "paddle.budget.used" not in attributes
    assert (refused.refusal.used, refused.refusal.retry_after) == (None, None)


def test_neither_yaml_nor_a_client_of_redis_is_imported_without_need() -> None:
    """Most programs have no budgets."""
    code = (
        "import sys, paddle_otel.budgets\n"
        "assert not {'yaml', 'limits', 'redis'} & sys.modules.keys()\n"
        "assert 'paddle_otel.budgets.shared_ledger' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
