"""One frozen :class:`Settings` read from the environment; every variable is documented here.

A wrong value never stops a program: it is reported once with the variable's name, the value and the default that is
used instead. An unknown variable that starts with ``PADDLE_OTEL_`` is reported too: it is most often a misspelling.
"""

import difflib
import logging
import math
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any, Final, Literal, TypeVar, cast

SpanKindName = Literal["internal", "client"]
PredictionSpans = Literal["auto", "always", "never"]

PREFIX: Final = "PADDLE_OTEL_"

_logger: Final = logging.getLogger("paddle_otel")
_T = TypeVar("_T")


@dataclass(frozen=True)
class Settings:
    """What can be set, each by the environment variable named after it (``PADDLE_OTEL_`` + upper case).

    Attributes:
        enabled: ``PADDLE_OTEL_ENABLED``. ``false`` makes every instrumentor of this project a no-op.
        generation_span_kind: ``PADDLE_OTEL_GENERATION_SPAN_KIND``, ``internal`` (the model runs in this process) or
            ``client`` (for back ends that list only client spans as model calls).
        prediction_spans: ``PADDLE_OTEL_PREDICTION_SPANS``, when a prediction becomes a span: ``auto`` (below a span
            that is recorded, or when it took long enough), ``always`` or ``never``. Its metrics are always written.
        prediction_span_minimum: ``PADDLE_OTEL_PREDICTION_SPAN_MINIMUM``, seconds that are long enough; 0 or more.
        usage_events: ``PADDLE_OTEL_USAGE_EVENTS``. ``false`` writes no ``paddle.usage`` event for each request.
        identity_headers: ``PADDLE_OTEL_IDENTITY_HEADERS``, which HTTP headers say who asked, as ``tenant=x-tenant-id``
            separated by commas; the names on the left are ``request``, ``session``, ``user`` and ``tenant``.
        identity_baggage: ``PADDLE_OTEL_IDENTITY_BAGGAGE``, which keys of W3C baggage say so, in the same form.
        metric_tenants: ``PADDLE_OTEL_METRIC_TENANTS``, which tenants are told apart on metrics: names separated by
            commas, with ``*`` in place of any letters; none by default. The others are counted together.
        metric_tenants_maximum: ``PADDLE_OTEL_METRIC_TENANTS_MAXIMUM``, how many are told apart at most; 1 or more.
        budgets: ``PADDLE_OTEL_BUDGETS``, path of a file with token budgets.
        budget_ledger: ``PADDLE_OTEL_BUDGET_LEDGER``, address of the Redis in which several processes count together
            (``redis://…``, ``rediss://…``, ``redis+sentinel://…``, ``redis+cluster://…``).
        budget_ledger_wait: ``PADDLE_OTEL_BUDGET_LEDGER_WAIT``, seconds that a decode step waits for its answer; 0 or
            more. Near the end of a budget a step waits up to 50 times as long, or 0.1 s if that is shorter.
        sampler_interval: ``PADDLE_OTEL_SAMPLER_INTERVAL``, seconds between two hardware samples; at least 0.1.
        gpus: ``PADDLE_OTEL_GPUS``, which GPUs are sampled: ``visible`` (those that ``CUDA_VISIBLE_DEVICES`` leaves),
            ``all``, ``used`` (those on which this process runs; where the driver cannot tell, those that
            ``paddle.distributed.launch`` gave it), or indices and UUIDs separated by commas (a beginning is enough).
        disk_paths: ``PADDLE_OTEL_DISK_PATHS``, paths of data sets, separated as in ``PATH``; the disks behind them are
            marked.
        smart: ``PADDLE_OTEL_SMART``. ``true`` reads the S.M.A.R.T. values of the disks with ``smartctl``.
        smart_interval: ``PADDLE_OTEL_SMART_INTERVAL``, seconds between two readings of them; at least 300.
        lock_directory: ``PADDLE_OTEL_LOCK_DIRECTORY``, a local folder in which the processes of a host agree who
            reports which device; by default a file in shared memory is used.
        file_directory: ``PADDLE_OTEL_FILE_DIRECTORY``, where the ``otlp_jsonl_file`` exporters write; default
            ``telemetry`` in the working directory.
        file_max_bytes: ``PADDLE_OTEL_FILE_MAX_BYTES``, size in bytes at which a file is rotated; at least 4096.
        file_backups: ``PADDLE_OTEL_FILE_BACKUPS``, how many rotated files of each kind are kept; 0 or more.
    """

    enabled: bool = True
    generation_span_kind: SpanKindName = "internal"
    prediction_spans: PredictionSpans = "auto"
    prediction_span_minimum: float = 0.001
    usage_events: bool = True
    identity_headers: str = "request=x-request-id,session=x-session-id,user=x-user-id,tenant=x-tenant-id"
    identity_baggage: str = (
        "request=paddle.request.id,session=gen_ai.conversation.id,user=enduser.id,tenant=paddle.tenant.id"
    )
    metric_tenants: str = ""
    metric_tenants_maximum: int = 100
    budgets: str = ""
    budget_ledger: str = ""
    budget_ledger_wait: float = 0.002
    sampler_interval: float = 1.0
    gpus: str = "visible"
    disk_paths: str = ""
    smart: bool = False
    smart_interval: float = 300.0
    lock_directory: str = ""
    file_directory: str = "telemetry"
    file_max_bytes: int = 64 * 1024 * 1024
    file_backups: int = 3

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] = os.environ) -> "Settings":
        """Read the settings; report what is wrong and use the default in its place.

        Args:
            environ: The variables, ``os.environ`` unless given.

        Returns:
            The settings. Never raises for a wrong value.
        """
        values: dict[str, Any] = {}
        for field in fields(cls):
            variable = PREFIX + field.name.upper()
            raw = environ.get(variable, "").strip()
            if raw:
                values[field.name] = _parse(variable, raw, cast("Any", field.default), _PARSERS[field.name])
        _report_unknown_names(environ)
        return cls(**values)


def _parse(variable: str, raw: str, default: _T, parser: Callable[[str], _T]) -> _T:
    try:
        return parser(raw)
    except ValueError as error:
        _warn_once(variable, "%s=%r is not usable: %s. The default %r is used.", variable, raw, error, default)
        return default


def _boolean(raw: str) -> bool:
    value = {"true": True, "1": True, "false": False, "0": False}.get(raw.lower())
    if value is None:
        raise ValueError("expected true or false")
    return value


def _span_kind(raw: str) -> SpanKindName:
    match raw.lower():
        case "internal":
            return "internal"
        case "client":
            return "client"
        case _:
            raise ValueError("expected internal or client")


def _prediction_spans(raw: str) -> PredictionSpans:
    match raw.lower():
        case "auto":
            return "auto"
        case "always":
            return "always"
        case "never":
            return "never"
        case _:
            raise ValueError("expected auto, always or never")


def _at_least_seconds(minimum: float) -> Callable[[str], float]:
    def parse(raw: str) -> float:
        try:
            value = float(raw)
        except ValueError:
            value = math.nan
        if not (minimum <= value < math.inf):
            raise ValueError(f"expected a number of seconds, {minimum:g} or more")
        return value

    return parse


def _at_least_integer(minimum: int) -> Callable[[str], int]:
    def parse(raw: str) -> int:
        try:
            value = int(raw)
        except ValueError:
            value = minimum - 1
        if value < minimum:
            raise ValueError(f"expected a whole number, {minimum} or more")
        return value

    return parse


_PARSERS: Final[Mapping[str, Callable[[str], Any]]] = {
    "enabled": _boolean,
    "generation_span_kind": _span_kind,
    "prediction_spans": _prediction_spans,
    "prediction_span_minimum": _at_least_seconds(0.0),
    "usage_events": _boolean,
    "identity_headers": str,
    "identity_baggage": str,
    "metric_tenants": str,
    "metric_tenants_maximum": _at_least_integer(1),
    "budgets": str,
    "budget_ledger": str,
    "budget_ledger_wait": _at_least_seconds(0.0),
    "sampler_interval": _at_least_seconds(0.1),
    "gpus": str,
    "disk_paths": str,
    "smart": _boolean,
    "smart_interval": _at_least_seconds(300.0),
    "lock_directory": str,
    "file_directory": str,
    "file_max_bytes": _at_least_integer(4096),
    "file_backups": _at_least_integer(0),
}

_warned_variables: Final[set[str]] = set()


def _warn_once(variable: str, message: str, *args: object) -> None:
    if variable not in _warned_variables:
        _warned_variables.add(variable)
        _logger.warning(message, *args)


def _report_unknown_names(environ: Mapping[str, str]) -> None:
    known = [name.upper() for name in _PARSERS]
    for variable in environ:
        name = variable.removeprefix(PREFIX)
        if name != variable and name not in known:
            close = difflib.get_close_matches(name, known, n=1)
            hint = (
                f" Did you mean {PREFIX}{close[0]}?"
                if close
                else f" Known: {', '.join(PREFIX + one for one in known)}."
            )
            _warn_once(
                variable,
                "%s is not a setting of paddle-otel and has no effect; the defaults are used.%s",
                variable,  # not its value: a misspelt address has a password in it
                hint,
            )


def forget_warnings() -> None:
    """Forget which variables were reported, so that each is reported again (for tests)."""
    _warned_variables.clear()
