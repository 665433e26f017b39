"""Runs the rules, and tells what they found: to subscribers, and as OpenTelemetry events."""

import threading
from collections.abc import Callable, Iterable
from typing import Final

from opentelemetry._logs import (
    Logger,
    LoggerProvider,
    NoOpLogger,
    SeverityNumber,
    get_logger,
    get_logger_provider,
)

from paddle_otel.conventions import SCHEMA_URL
from paddle_otel.diagnosis.finding import Finding
from paddle_otel.diagnosis.rule import Rule
from paddle_otel.forking import call_in_forked_child
from paddle_otel.guard import attempt, call_program, guard
from paddle_otel.hardware.claims import Claims
from paddle_otel.sampling.snapshot import Snapshot
from paddle_otel.version import VERSION

SCOPE: Final = "paddle_otel.diagnosis"
"""Instrumentation scope of the events."""

Subscriber = Callable[[Finding], None]

_API_MODULE: Final = "opentelemetry._logs"


class Diagnosis:
    """Looks at each snapshot with every rule.

    A finding about a device that several processes of the host see is an event of one of them: the one that claims it
    first, for as long as the episode lasts. Subscribers are told in every process.

    Args:
        rules: What is looked for.
        claims: How the processes of a host agree who tells what.
    """

    def __init__(self, rules: Iterable[Rule], claims: Claims) -> None:
        self._rules: tuple[Rule, ...] = tuple(rules)
        self._subscribers: tuple[Subscriber, ...] = ()
        self._claims = claims
        self._logger: Logger | None = None
        self._of_global_provider = False
        self._latest = 0
        self._make_anew()
        call_in_forked_child(self._make_anew)

    def _make_anew(self) -> None:
        self._lock = threading.Lock()  # the parent's may have been held at the moment of the fork
        self._forget()

    def start(self, logger_provider: LoggerProvider | None) -> None:
        """Tell findings as events from now on.

        Args:
            logger_provider: Where they go, the global one if ``None``.
        """
        self._of_global_provider = logger_provider is None
        self._logger = get_logger(SCOPE, VERSION, logger_provider, SCHEMA_URL)

    def stop(self) -> None:
        """Tell no events any more, and begin anew at the next start."""
        self._logger = None
        self._forget()

    def add(self, rule: Rule) -> None:
        """Look with one more rule from now on; one that is known already is not added again."""
        with self._lock:
            if all(rule is not known for known in self._rules):
                self._rules = (*self._rules, rule)

    def subscribe(self, subscriber: Subscriber) -> Callable[[], None]:
        """Have a function called with each finding from now on.

        It is called on the thread that reads the hardware, so it should be short; what it raises is logged once.

        Args:
            subscriber: What to call.

        Returns:
            A function that ends this.
        """
        with self._lock:
            self._subscribers = (*self._subscribers, subscriber)

        def unsubscribe() -> None:
            with self._lock:
                self._subscribers = tuple(one for one in self._subscribers if one is not subscriber)

        return unsubscribe

    def follow(self, snapshot: Snapshot) -> None:
        """Look at a snapshot. Called on the sampler's thread with each one."""
        if self._logger is None and not self._subscribers:
            return
        if snapshot.started <= self._latest:
            return  # a thread that was replaced was late with it
        self._latest = snapshot.started
        for rule in self._rules:
            for finding in attempt(f"looking for {rule.name}", _findings, rule, snapshot) or ():
                self._tell(finding)
            with guard(f"keeping what was told of {rule.name}"):
                self._keep(rule)

    def _tell(self, finding: Finding) -> None:
        for subscriber in self._subscribers:
            call_program(f"a subscriber of {finding.name}", subscriber, finding)
        logger = self._logger
        if logger is None or not self._is_heard(logger):
            return
        with guard(f"writing the event {finding.name}"):
            if finding.claim is None or self._claims.claim(finding.claim):
                logger.emit(
                    timestamp=finding.timestamp,
                    severity_number=SeverityNumber.WARN,
                    severity_text=SeverityNumber.WARN.name,
                    event_name=finding.name,
                    attributes=finding.attributes,
                )

    def _keep(self, rule: Rule) -> None:
        """Claim on while an episode lasts, so that no other process tells it again."""
        for claim in rule.ongoing:
            if self._claims.holds(claim):
                self._claims.claim(claim)

    def _is_heard(self, logger: Logger) -> bool:
        """Whether there is an SDK; a process that tells nobody must not keep others from telling."""
        if isinstance(logger, NoOpLogger):
            return False
        return not (self._of_global_provider and type(get_logger_provider()).__module__.startswith(_API_MODULE))

    def _forget(self) -> None:
        self._latest = 0
        for rule in self._rules:
            with guard(f"forgetting what was seen of {rule.name}"):
                rule.forget()


def _findings(rule: Rule, snapshot: Snapshot) -> tuple[Finding, ...]:
    return tuple(rule.look(snapshot))
