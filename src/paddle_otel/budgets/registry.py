"""All budgets of this process."""

import os
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Final

from opentelemetry.context import Context

from paddle_otel.budgets.account_spending import AccountSpending
from paddle_otel.budgets.announcing import Announcer, Occasion, Reporter
from paddle_otel.budgets.budget import Action, Budget
from paddle_otel.budgets.ledger import Account
from paddle_otel.budgets.ledgers import Health, Ledgers
from paddle_otel.budgets.memory_ledger import MemoryLedger
from paddle_otel.budgets.policy import Policy, PolicyIndex, Traits
from paddle_otel.budgets.request_spending import RequestSpending
from paddle_otel.budgets.shown_accounts import ShownAccounts
from paddle_otel.budgets.spending import Spender, Spending
from paddle_otel.budgets.subjects import is_for_output_only, subject_of
from paddle_otel.forking import call_in_forked_child
from paddle_otel.guard import guard, guarded
from paddle_otel.settings import Settings

if TYPE_CHECKING:
    from paddle_otel.budgets.watched_file import WatchedFile


class Budgets:
    """The budgets that apply in this process: those of a file, and those that the program sets.

    A budget that the program sets takes the place of one of the same name in the file, until it is removed.

    Args:
        memory: Where tokens are counted in this process.
    """

    def __init__(self, memory: MemoryLedger | None = None) -> None:
        self.is_active = False
        """Whether there is any; asked before each operation."""
        self._ledgers: Final = Ledgers(memory)
        self._announcer: Final = Announcer()
        self._shown: Final = ShownAccounts()
        self._file: WatchedFile | None = None
        self._from_code: dict[str, Budget] = {}
        self._from_file: dict[str, Budget] = {}
        self._policies: dict[str, Policy] = {}
        self._index: PolicyIndex | None = None
        self._make_lock()
        call_in_forked_child(self._make_lock)

    def _make_lock(self) -> None:
        self._lock = threading.RLock()

    def load(self, settings: Settings) -> None:
        """Read the budget file that is set, and follow its changes from now on; never raises.

        Nothing happens when it is followed already; the budgets of a file that is no longer set are removed.
        """
        with guard("loading budgets"), self._lock:
            self._shown.load(settings)
            with guard("opening the shared ledger of token budgets"):
                self._ledgers.load(settings)
            path = _path(settings.budgets)
            if self._file is not None and self._file.path == path:
                return
            if self._file is not None:
                self._file.leave()
                self._file = None
                self._use_file([])
            if path:
                self._file = _follow(path, self._use_file)

    def set_budget(self, budget: Budget) -> None:
        """Put a budget in force, in place of one of the same name.

        Where only the limit, the actions or the warning differ, running requests see it at their next step. A budget
        with another scope, window, match or count is for requests that begin from now on; those that run keep the one
        that they began with. Counts with another scope or window begin at 0.
        """
        with self._lock:
            self._from_code[budget.name] = budget
            self._apply()

    def remove_budget(self, name: str) -> bool:
        """Remove a budget that the program set; running requests are free of it at their next step.

        Returns:
            Whether there was one.
        """
        with self._lock:
            found = self._from_code.pop(name, None) is not None
            self._apply()
        return found

    def budgets(self) -> tuple[Budget, ...]:
        """Return the budgets in force."""
        with self._lock:
            return tuple(policy.budget for policy in self._policies.values() if policy.budget is not None)

    def forget(self) -> None:
        """Forget all budgets and how often they were exceeded (for tests)."""
        with self._lock:
            if self._file is not None:
                self._file.leave()
            self._file, self._from_code, self._from_file = None, {}, {}
            self._apply()
        self._announcer.forget()

    @guarded("asking the budgets")
    def begin(
        self, spender: Spender, reporter: Reporter | None = None, context: Context | None = None
    ) -> Spending | None:
        """Begin a request; never raises.

        Args:
            spender: Who is about to spend.
            reporter: Where the events of its budgets go; ``None`` for nowhere.
            context: The context with the request's span, to which they belong; ``None`` for the current one.

        Returns:
            What its budgets say, ``None`` where none applies.
        """
        index = self._index or self._make_index()
        traits = Traits.of(spender)
        parts: list[AccountSpending] = []
        occasion = Occasion(spender, reporter, context)
        for policy in index.matching(traits):
            budget = policy.budget
            if budget is None or (spender.step_tokens == 0 and is_for_output_only(budget)):
                continue
            subject = subject_of(budget.scope, traits)
            if subject is None:
                continue
            account = Account.of(budget, subject)
            self._shown.note(policy, account)
            parts.append(AccountSpending(policy, account, self._ledgers.of(budget.scope), self._announcer, occasion))
        return RequestSpending(parts) if parts else None

    def tokens_used(self, name: str, subject: str = "") -> int | None:
        """Return how many tokens somebody has used of a budget within its window, while requests run too.

        What is taken for the next steps of running requests is part of it. With a shared ledger it is the count of
        all processes as this one has last heard, and unknown where none of its requests has spent from it lately.

        Args:
            name: Of the budget.
            subject: Whose count, by the budget's scope: a tenant, a session's id, a user, a model, a request's id;
                empty for the process.

        Returns:
            The tokens; ``None`` where it is not known, or there is no such budget.
        """
        with self._lock:
            policy = self._policies.get(name)
        budget = None if policy is None else policy.budget
        if budget is None:
            return None
        return self._ledgers.of(budget.scope).used(Account.of(budget, subject))

    def used(self) -> Iterator[tuple[Account, int]]:
        """Return the tokens used at the accounts that metrics may tell apart."""
        with self._lock:
            policies = tuple(self._policies.values())
        for policy in policies:
            for account in tuple(policy.shown.values()):
                used = self._ledgers.of(account.scope).used(account)
                if used is not None:
                    yield account, used

    def times_exceeded(self) -> Mapping[tuple[str, str, Action], int]:
        """Return how often requests went beyond a budget: by its name, its scope and what was done."""
        return self._announcer.times()

    @property
    def shared_health(self) -> Health | None:
        """How the shared ledger is, ``None`` where there is none."""
        return self._ledgers.shared_health

    def _use_file(self, budgets: Iterable[Budget]) -> None:
        with self._lock:
            self._from_file = {budget.name: budget for budget in budgets}
            self._apply()

    def _apply(self) -> None:
        wanted = {**self._from_file, **self._from_code}
        policies: dict[str, Policy] = {}
        for name, budget in wanted.items():
            policy = self._policies.pop(name, None)
            if policy is not None and policy.can_become(budget):
                policy.budget = budget
            else:
                policy = Policy(budget) if policy is None else policy.replaced_by(budget)
            policies[name] = policy
        for removed in self._policies.values():
            removed.remove()
        self._policies, self._index, self.is_active = policies, None, bool(policies)

    def _make_index(self) -> PolicyIndex:
        with self._lock:
            index = self._index = PolicyIndex(self._policies.values())
        return index


def _path(setting: str) -> str:
    """Return where a budget file is, also when the program has gone to another folder; empty for none."""
    # By hand: Path raises where there is no home.
    return os.path.abspath(os.path.expanduser(setting)) if setting else ""  # noqa: PTH100, PTH111


def _follow(path: str, use: Callable[[Iterable[Budget]], None]) -> "WatchedFile":
    from paddle_otel.budgets.watched_file import WatchedFile  # noqa: PLC0415 - a YAML reader is for those with a file

    file = WatchedFile(path, use)
    file.follow()
    return file


BUDGETS: Final = Budgets()
"""The budgets of this process."""
