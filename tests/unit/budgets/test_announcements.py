"""What is said of budgets: events that do not repeat themselves, and metrics that name no session and no user."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from opentelemetry import trace

from paddle_otel.budgets import Budget, BudgetMetrics, Window
from paddle_otel.budgets import budgets as budgets_in_force
from paddle_otel.budgets.announcing import REMEMBERED, window_text
from paddle_otel.budgets.budget import Action
from paddle_otel.budgets.registry import Budgets
from paddle_otel.budgets.spending import Spender, Spending
from paddle_otel.identity import Identity
from paddle_otel.operations.budget_loading import load_budgets
from paddle_otel.operations.meters import METERS
from paddle_otel.operations.telemetry import Telemetry
from paddle_otel.settings import Settings
from recording import Recorder

_STOP = frozenset[Action]({"stop"})
_REFUSE = frozenset[Action]({"refuse"})
_ACME = Identity(request="r1", session="s1", user="jo", tenant="acme")

Begin = Callable[..., Spending]


class Reporter:
    """Where the events of a test's operations go."""

    def __init__(self, recorder: Recorder) -> None:
        self.logger = recorder.logger_provider.get_logger("test")


@pytest.fixture
def begin_as(budgets: Budgets, recorder: Recorder) -> Begin:
    """Begin a request as somebody, whose events are recorded."""
    reporter = Reporter(recorder)

    def begin(identity: Identity = _ACME, context: Any = None, **spender: Any) -> Spending:
        given: dict[str, Any] = {"model": "tiny", "input_tokens": None, "step_tokens": 1, **spender}
        spending = budgets.begin(Spender(identity, **given), reporter, context)
        assert spending is not None
        return spending

    return begin


@pytest.fixture
def metrics(budgets: Budgets, recorder: Recorder) -> Recorder:
    """The recorder, to which the budgets' metrics go."""
    meters = METERS.of(recorder.meter_provider)
    meters.used_by("test", active=True)
    BudgetMetrics(meters, budgets)
    return recorder


def _plain(attributes: Any) -> dict[str, Any]:
    return dict(attributes)


def test_a_stopped_generation_is_an_event_of_its_span(budgets: Budgets, begin_as: Begin, recorder: Recorder) -> None:
    """With the budget, what was used of it, and who asked."""
    budgets.set_budget(Budget("daily", "tenant", 2, Window("fixed", 86_400), actions=_STOP, match={"tenant": "acme"}))
    span = recorder.tracer_provider.get_tracer("t").start_span("chat tiny")
    spending = begin_as(context=trace.set_span_in_context(span))
    assert [spending.step(1), spending.step(1), spending.step(1)] == [False, True, True]
    event = recorder.event("paddle.budget.exceeded")
    assert _plain(event.attributes) == {
        "paddle.budget.name": "daily",
        "paddle.budget.scope": "tenant",
        "paddle.budget.action": "stop",
        "paddle.budget.counts": "both",
        "paddle.budget.window": "day",
        "paddle.budget.limit": 2,
        "paddle.budget.used": 2,
        "gen_ai.request.model": "tiny",
        "paddle.request.id": "r1",
        "gen_ai.conversation.id": "s1",
        "enduser.id": "jo",
        "paddle.tenant.id": "acme",
    }
    assert event.severity_text == "WARN"
    assert (event.trace_id, event.span_id) == (span.get_span_context().trace_id, span.get_span_context().span_id)


def test_without_a_context_an_event_belongs_to_the_current_span(
    budgets: Budgets, begin_as: Begin, recorder: Recorder
) -> None:
    """As with any log record."""
    budgets.set_budget(Budget("b", "tenant", 0, actions=_REFUSE))
    with recorder.tracer_provider.get_tracer("t").start_as_current_span("chat") as span:
        begin_as()
    assert recorder.event("paddle.budget.exceeded").span_id == span.get_span_context().span_id


def test_a_threshold_warns_once_for_each_subject_and_window(
    budgets: Budgets, begin_as: Begin, recorder: Recorder, hands: Any
) -> None:
    """From the token on at which it is reached, not before and not again."""
    budgets.set_budget(Budget("b", "tenant", 100, Window("fixed", 86_400), "output", warn_at=3))
    spending = begin_as()
    for seen in (0, 0, 1, 1):
        spending.step(1)
        assert len(recorder.events("paddle.budget.threshold")) == seen
    spending.end(0, 4)
    begin_as().end(0, 4)
    attributes = _plain(recorder.event("paddle.budget.threshold").attributes)
    assert (attributes["paddle.budget.threshold"], attributes["paddle.budget.used"]) == (3, 3)
    assert "paddle.budget.action" not in attributes
    begin_as(Identity(tenant="other")).end(0, 4)
    assert len(recorder.events("paddle.budget.threshold")) == 2
    hands.pass_seconds(86_400)
    begin_as().end(0, 2)
    assert len(recorder.events("paddle.budget.threshold")) == 2
    begin_as().end(0, 1)
    assert len(recorder.events("paddle.budget.threshold")) == 3
    budgets.set_budget(Budget("b", "tenant", 100, Window("fixed", 86_400), "output", warn_at=5))
    begin_as().end(0, 2)
    assert len(recorder.events("paddle.budget.threshold")) == 4


def test_a_budget_that_only_observes_says_once_that_it_was_exceeded(
    budgets: Budgets, begin_as: Begin, metrics: Recorder
) -> None:
    """At the first token beyond it; the counter counts the requests."""
    budgets.set_budget(Budget("b", "tenant", 3, counts="output"))
    spending = begin_as()
    for seen in (0, 0, 0, 1, 1):
        spending.step(1)
        assert len(metrics.events("paddle.budget.exceeded")) == seen
    spending.end(0, 5)
    begin_as().end(0, 5)
    attributes = _plain(metrics.event("paddle.budget.exceeded").attributes)
    assert (attributes["paddle.budget.action"], attributes["paddle.budget.used"]) == ("observe", 4)
    point = metrics.point("paddle.budget.exceeded")
    assert point.value == 2
    assert point.attributes == {
        "paddle.budget.name": "b",
        "paddle.budget.scope": "tenant",
        "paddle.budget.action": "observe",
    }


def test_each_stopped_generation_is_counted_and_said_once(budgets: Budgets, begin_as: Begin, metrics: Recorder) -> None:
    """However often it asks."""
    budgets.set_budget(Budget("b", "tenant", 1, actions=_STOP))
    for _ in range(3):
        spending = begin_as()
        assert [spending.step(1), spending.step(1)] == [True, True]
        spending.end(0, 1)
    assert len(metrics.events("paddle.budget.exceeded")) == 1
    assert metrics.point("paddle.budget.exceeded", paddle__budget__action="stop").value == 3


def test_refusals_are_counted_all_and_said_once_in_a_second(
    budgets: Budgets, begin_as: Begin, metrics: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A client that tries again and again fills no log."""
    now = [1000.0]
    clock = SimpleNamespace(monotonic=lambda: now[0], time_ns=lambda: 1)
    monkeypatch.setattr("paddle_otel.budgets.announcing.time", clock)
    budgets.set_budget(Budget("b", "tenant", 0, actions=_REFUSE))
    for _ in range(50):
        assert begin_as().refusal is not None
    assert len(metrics.events("paddle.budget.exceeded")) == 1
    begin_as(Identity(tenant="other"))
    assert len(metrics.events("paddle.budget.exceeded")) == 2
    now[0] += 1
    begin_as()
    assert len(metrics.events("paddle.budget.exceeded")) == 3
    assert metrics.point("paddle.budget.exceeded", paddle__budget__action="refuse").value == 52
    assert _plain(metrics.events("paddle.budget.exceeded")[0].attributes)["paddle.budget.action"] == "refuse"


def test_a_refused_request_says_nothing_of_its_other_budgets(
    budgets: Budgets, begin_as: Begin, metrics: Recorder
) -> None:
    """What it had taken of them was given back; whoever really comes to the threshold is the one that says so."""
    budgets.set_budget(Budget("stops", "tenant", 1000, actions=_STOP, warn_at=900))
    budgets.set_budget(Budget("watches", "tenant", 1000, warn_at=900))
    budgets.set_budget(Budget("refuses", "tenant", 5000, actions=_REFUSE, warn_at=4000))
    assert begin_as(input_tokens=5001).refusal is not None
    assert metrics.events("paddle.budget.threshold") == []
    (event,) = metrics.events("paddle.budget.exceeded")
    assert event.attributes is not None
    assert event.attributes["paddle.budget.name"] == "refuses"
    assert begin_as(input_tokens=901).refusal is None
    said = [_plain(event.attributes) for event in metrics.events("paddle.budget.threshold")]
    assert [(one["paddle.budget.name"], one["paddle.budget.used"]) for one in said] == [
        ("stops", 902),
        ("watches", 901),
    ]


def test_what_was_said_of_many_subjects_is_remembered_within_bounds(
    budgets: Budgets, begin_as: Begin, recorder: Recorder
) -> None:
    """Of those that are forgotten it is said again; those of another scope stay remembered."""
    budgets.set_budget(Budget("t", "tenant", 0))
    budgets.set_budget(Budget("s", "session", 0))
    for number in range(REMEMBERED + 1):
        begin_as(Identity(tenant="acme", session=f"s{number}")).end(0, 1)
    assert len(recorder.events("paddle.budget.exceeded")) == REMEMBERED + 2
    begin_as(Identity(tenant="acme", session=f"s{REMEMBERED}")).end(0, 1)
    assert len(recorder.events("paddle.budget.exceeded")) == REMEMBERED + 2
    begin_as(Identity(tenant="acme", session="s0")).end(0, 1)
    assert len(recorder.events("paddle.budget.exceeded")) == REMEMBERED + 3


def test_a_request_nobody_reports_is_counted_all_the_same(budgets: Budgets, metrics: Recorder) -> None:
    """Its events go nowhere."""
    budgets.set_budget(Budget("b", "process", 0, actions=_REFUSE))
    spending = budgets.begin(Spender(Identity(), None))
    assert spending is not None
    assert spending.refusal is not None
    assert metrics.point("paddle.budget.exceeded").value == 1


def test_an_event_that_cannot_be_written_ends_nothing(budgets: Budgets, telemetry_trouble: Any) -> None:
    """The budget holds."""

    class Broken:
        @property
        def logger(self) -> Any:
            raise RuntimeError("a bug")

    telemetry_trouble.expected = True
    budgets.set_budget(Budget("b", "process", 1, actions=frozenset({"stop", "refuse"}), warn_at=0))
    spending = budgets.begin(Spender(Identity(), None, None, 1), Broken())
    assert spending is not None
    assert spending.step(1) is True
    spending.end(0, 1)
    refused = budgets.begin(Spender(Identity(), None, None, 1), Broken())
    assert refused is not None
    assert refused.refusal is not None
    assert set(telemetry_trouble.sites) == {"writing the event of a budget: RuntimeError('a bug')"}


def test_metrics_show_limits_and_the_counts_that_may_be_told_apart(
    budgets: Budgets, begin_as: Begin, metrics: Recorder
) -> None:
    """Of the process and of models always, of tenants where they are allowed, of sessions, users and requests never."""
    budgets.load(Settings(metric_tenants="acme,big-*"))
    for scope in ("process", "model", "tenant", "session", "user", "request"):
        budgets.set_budget(Budget(f"by-{scope}", scope, 100, Window("sliding", 90), "output"))
    begin_as(_ACME).end(0, 3)
    begin_as(Identity(tenant="big-1"), model="other").end(0, 4)
    begin_as(Identity(tenant="small"), model=None).end(0, 5)
    limits = metrics.points("paddle.budget.limit")
    assert [type(point.value) for point in limits] == [int] * 6
    assert {point.attributes["paddle.budget.scope"]: point.value for point in limits} == dict.fromkeys(
        ("process", "model", "tenant", "session", "user", "request"), 100
    )
    assert limits[0].attributes == {
        "paddle.budget.name": "by-process",
        "paddle.budget.scope": "process",
        "paddle.budget.counts": "output",
        "paddle.budget.window": "sliding 90s",
    }
    used = [(dict(point.attributes), point.value) for point in metrics.points("paddle.budget.used")]
    process = {"paddle.budget.name": "by-process", "paddle.budget.scope": "process"}
    model = {"paddle.budget.name": "by-model", "paddle.budget.scope": "model"}
    tenant = {"paddle.budget.name": "by-tenant", "paddle.budget.scope": "tenant"}
    assert used == [
        (process, 12),
        ({**model, "gen_ai.request.model": "tiny"}, 3),
        ({**model, "gen_ai.request.model": "other"}, 4),
        ({**tenant, "paddle.tenant.id": "acme"}, 3),
        ({**tenant, "paddle.tenant.id": "big-1"}, 4),
    ]


def test_what_is_used_falls_when_the_window_ends_and_goes_with_the_budget(
    budgets: Budgets, begin_as: Begin, metrics: Recorder, hands: Any
) -> None:
    """A used-up budget of yesterday is 0 today; one that was removed is not shown."""
    budgets.set_budget(Budget("b", "process", 100, Window("fixed", 86_400)))
    begin_as().end(0, 3)
    assert metrics.point("paddle.budget.used").value == 3
    hands.pass_seconds(86_400)
    assert metrics.point("paddle.budget.used").value == 0
    budgets.remove_budget("b")
    assert (metrics.points("paddle.budget.used"), metrics.points("paddle.budget.limit")) == ([], [])


def test_no_more_models_than_stated_are_told_apart(budgets: Budgets, begin_as: Begin, metrics: Recorder) -> None:
    """A program that invents names makes no series without end."""
    budgets.set_budget(Budget("b", "model", 100))
    for number in range(600):
        begin_as(model=f"m{number}").end(0, 1)
    assert len(metrics.points("paddle.budget.used")) == 500


def test_without_budgets_metrics_are_silent(metrics: Recorder) -> None:
    """Not 0: absent."""
    for name in ("limit", "used", "exceeded", "ledger.errors", "ledger.available"):
        assert metrics.points(f"paddle.budget.{name}") == []


def test_a_shared_ledger_shows_how_it_is(budgets: Budgets, metrics: Recorder, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once it was asked."""
    health = SimpleNamespace(name="redis", available=None, errors={})

    def open_one(*_: object) -> object:
        return SimpleNamespace(health=health)

    monkeypatch.setattr("paddle_otel.budgets.ledgers._open", open_one)
    budgets.load(Settings(budget_ledger="redis://nowhere"))
    assert metrics.points("paddle.budget.ledger.available") == []
    health.available, health.errors = False, {"ConnectionError": 3}
    available = metrics.point("paddle.budget.ledger.available")
    assert (available.value, available.attributes) == (0, {"paddle.budget.ledger": "redis"})
    errors = metrics.point("paddle.budget.ledger.errors")
    assert (errors.value, errors.attributes) == (3, {"paddle.budget.ledger": "redis", "error.type": "ConnectionError"})


def test_budgets_of_the_file_are_loaded_and_shown(
    recorder: Recorder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those of a file that is no longer set are gone when they are loaded again."""
    path = tmp_path / "budgets.yaml"
    path.write_text("budgets:\n- {name: of the file, scope: tenant, limit: 5, window: {sliding: 1h}}\n")
    monkeypatch.setenv("PADDLE_OTEL_BUDGETS", str(path))
    telemetry = Telemetry("test", None, recorder.meter_provider, Settings.from_environment())
    load_budgets(telemetry.settings, telemetry.meters)
    assert budgets_in_force() == (Budget("of the file", "tenant", 5, Window("sliding", 3600)),)
    assert telemetry.is_idle() is False
    point = recorder.point("paddle.budget.limit", paddle__budget__name="of the file")
    assert (point.value, point.attributes["paddle.budget.window"]) == (5, "sliding hour")
    monkeypatch.delenv("PADDLE_OTEL_BUDGETS")
    load_budgets(Settings.from_environment(), telemetry.meters)
    assert budgets_in_force() == ()
    assert recorder.points("paddle.budget.limit") == []


@pytest.mark.parametrize(
    ("window", "text"),
    [
        (Window(), "none"),
        (Window("fixed", 60), "minute"),
        (Window("fixed", 3600), "hour"),
        (Window("fixed", 90), "90s"),
        (Window("sliding", 86_400), "sliding day"),
    ],
)
def test_a_window_is_named_as_in_the_file(window: Window, text: str) -> None:
    """Or by its seconds."""
    assert window_text(window) == text
