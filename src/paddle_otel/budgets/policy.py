"""Budgets in force, and which of them apply to a request."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Final, NamedTuple
from weakref import WeakSet

from paddle_otel.budgets.budget import Budget
from paddle_otel.budgets.ledger import Account
from paddle_otel.budgets.spending import Spender
from paddle_otel.identity.patterns import ANY, matcher


class Traits(NamedTuple):
    """What budgets look at in a request.

    Attributes:
        session: Its session, if known; so the others.
        user: Its user.
        tenant: Its tenant.
        model: The model.
        request: The request's own id.
    """

    session: str | None
    user: str | None
    tenant: str | None
    model: str | None
    request: str | None

    @classmethod
    def of(cls, spender: Spender) -> "Traits":
        """Return those of a request."""
        who = spender.identity
        return cls(who.session, who.user, who.tenant, spender.model, who.request)


class Policy:
    """A budget in force. Running requests hold it, and see at their next step that it was changed or removed.

    Args:
        budget: The budget.
        earlier: Those in whose place it comes.
    """

    def __init__(self, budget: Budget, earlier: Iterable["Policy"] = ()) -> None:
        self.budget: Budget | None = budget
        """``None`` once it is removed. Its scope, window, counts and match stay the same."""
        self._earlier: Final[WeakSet[Policy]] = WeakSet(earlier)
        self.shown: dict[str, Account] = {}
        """The accounts that are told apart on metrics."""
        self._matchers: Final = tuple((key, matcher(value)) for key, value in budget.match.items())

    def applies_to(self, traits: Traits) -> bool:
        """Tell whether the request is one of those that the budget is for."""
        for key, matches in self._matchers:
            value = getattr(traits, key)
            if value is None or not matches(value):
                return False
        return True

    def replaced_by(self, budget: Budget) -> "Policy":
        """Return what requests find from now on; those that run go on with this one."""
        return Policy(budget, (*self._earlier, self))

    def remove(self) -> None:
        """Free running requests at their next step, also of those that came before it."""
        self.budget = None
        for policy in self._earlier:
            policy.budget = None

    def can_become(self, budget: Budget) -> bool:
        """Tell whether a changed budget counts the same tokens of the same requests."""
        own = self.budget
        return own is not None and (own.scope, own.window, own.counts, own.match) == (
            budget.scope,
            budget.window,
            budget.counts,
            budget.match,
        )


class PolicyIndex:
    """Finds the budgets of a request without looking at all of them.

    Args:
        policies: The budgets in force.
    """

    def __init__(self, policies: Iterable[Policy]) -> None:
        self._for_all: list[Policy] = []
        self._by_value: defaultdict[str, dict[str, list[Policy]]] = defaultdict(dict)
        self._by_beginning: defaultdict[str, dict[str, list[Policy]]] = defaultdict(dict)
        for policy in policies:
            self._place(policy).append(policy)
        self._lengths = {key: sorted({len(one) for one in found}) for key, found in self._by_beginning.items()}

    def matching(self, traits: Traits) -> Iterator[Policy]:
        """Return the budgets that are for a request."""
        for policy in self._candidates(traits):
            if policy.applies_to(traits):
                yield policy

    def _place(self, policy: Policy) -> list[Policy]:
        match: Mapping[str, str] = {} if policy.budget is None else policy.budget.match
        for key, value in match.items():
            if ANY not in value:
                return self._by_value[key].setdefault(value, [])
        for key, value in match.items():  # the first
            return self._by_beginning[key].setdefault(value.partition(ANY)[0], [])
        return self._for_all

    def _candidates(self, traits: Traits) -> Iterator[Policy]:
        yield from self._for_all
        for key, by_value in self._by_value.items():
            yield from by_value.get(getattr(traits, key), ())
        for key, lengths in self._lengths.items():
            value: str | None = getattr(traits, key)
            if value is not None:
                for length in lengths:
                    yield from self._by_beginning[key].get(value[:length], ())
