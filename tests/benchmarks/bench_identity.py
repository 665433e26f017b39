"""What it costs to know who asked, and to write it down: ``python tests/benchmarks/bench_identity.py``.

The baseline of a block that says who asks is the same block written by hand with OpenTelemetry's own baggage, which
costs a copy of the context and says nothing to anybody in this process.
"""

import gc
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from opentelemetry import baggage, trace
from opentelemetry import context as otel_context
from opentelemetry._logs import NoOpLoggerProvider
from opentelemetry.context import Context
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor, InMemoryLogRecordExporter
from rows import Row, row, table

sys.path.insert(0, str(Path(__file__).parents[1]))

from paddle_otel.identity import Identity, current_identity, identify, metric_tenant
from paddle_otel.identity.current import with_claimed_identity
from paddle_otel.identity.propagator import IdentityPropagator
from paddle_otel.identity.web_hooks import asgi_request_hook
from paddle_otel.operations.telemetry import Telemetry
from paddle_otel.operations.usage import emit_usage
from paddle_otel.settings import Settings

CALLS: Final = 1000
ROUNDS: Final = 40
MICROSECONDS: Final = 1e6
REQUEST_GOAL: Final = 5.0
WHO: Final = Identity("request-1", "session-1", "user-1", "tenant-1")
HEADERS: Final = {"x-request-id": "r-1", "x-session-id": "s-1", "x-user-id": "u-1", "x-tenant-id": "acme"}


def run() -> list[Row]:
    """Measure.

    Returns:
        The rows of the table.
    """
    return [*_requests(), *_asking(), *_saying(), *_arriving(), *_usage()]


def main() -> None:
    """Print the table."""
    sys.stdout.write(table(run()) + "\n")


def _requests() -> list[Row]:
    """All that identity adds to a request: it is said, and its generation asks and writes it on span and metrics."""
    extract = IdentityPropagator().extract

    def observed() -> None:
        who = current_identity()
        _ = who.attributes, metric_tenant(who.tenant)

    def by_headers() -> None:
        token = otel_context.attach(extract(HEADERS, Context()))
        observed()
        otel_context.detach(token)

    def in_code() -> None:
        with identify(tenant="acme", session="s-1"):
            observed()

    def unsaid() -> None:
        token = otel_context.attach(Context())
        otel_context.detach(token)

    bare = _cost(unsaid)  # a web framework's own instrumentation does that, with us and without
    rows = [
        row("identity", "a whole request, four ids by headers", _cost(by_headers) - bare, "us", goal=REQUEST_GOAL),
        row("identity", "a whole request, said in code", _cost(in_code), "us", goal=REQUEST_GOAL),
    ]
    with trace.use_span(trace.NonRecordingSpan(trace.INVALID_SPAN_CONTEXT)):
        rows.append(row("identity", "the same below a span", _cost(in_code), "us", goal=REQUEST_GOAL))
    return rows


def _asking() -> list[Row]:
    with identify(tenant="acme", session="s-1"):
        said = otel_context.get_current()
    few, many = _carrying(0), _carrying(5000)
    all_three = with_claimed_identity(WHO, few)
    with_all = otel_context.attach(all_three)
    with identify(tenant="acme"):
        all_three = otel_context.get_current()
    otel_context.detach(with_all)
    return [
        row("identity", "asking who asked, nobody said", _cost(current_identity), "us", goal=REQUEST_GOAL),
        row(
            "identity", "the same, said by the program", _cost(lambda: current_identity(said)), "us", goal=REQUEST_GOAL
        ),
        row(
            "identity", "the same, four keys of baggage", _cost(lambda: current_identity(few)), "us", goal=REQUEST_GOAL
        ),
        row("identity", "the same, among 5,000 keys", _cost(lambda: current_identity(many)), "us", goal=REQUEST_GOAL),
        row(
            "identity",
            "the same, program, headers, baggage",
            _cost(lambda: current_identity(all_three)),
            "us",
            goal=REQUEST_GOAL,
        ),
        row("identity", "a tenant's name on metrics", _cost(lambda: metric_tenant("acme")), "us"),
    ]


def _carrying(more: int) -> Context:
    keys = ("paddle.request.id", "gen_ai.conversation.id", "enduser.id", "paddle.tenant.id")
    values: dict[str, object] = {f"key-{number}": "value" for number in range(more)}
    context = baggage.set_baggage("first", "value", Context())
    (key,) = context
    return Context({key: {**values, **dict.fromkeys(keys, "an-id-of-usual-length")}})


def _saying() -> list[Row]:
    acme = identify(tenant="acme", session="s-1")

    def block() -> None:
        with acme:
            pass

    def new_block() -> None:
        with identify(tenant="acme", session="s-1"):
            pass

    def by_hand() -> None:
        token = otel_context.attach(baggage.set_baggage("b", "s-1", baggage.set_baggage("a", "acme")))
        try:
            pass
        finally:
            otel_context.detach(token)

    hand = _cost(by_hand)
    return [
        row(
            "identity",
            "a block that says who asks",
            _cost(block),
            "us",
            goal=REQUEST_GOAL,
            over=("baggage by hand", hand),
        ),
        row(
            "identity", "the same, made anew", _cost(new_block), "us", goal=REQUEST_GOAL, over=("baggage by hand", hand)
        ),
    ]


def _arriving() -> list[Row]:
    extract, context = IdentityPropagator().extract, Context()
    nothing: dict[str, str] = {}
    huge = {**HEADERS, "x-tenant-id": "x" * 1_000_000}
    sent = {**{f"x-other-{number}": "value" for number in range(26)}, **HEADERS}
    scope = {"headers": [(name.encode(), value.encode()) for name, value in sent.items()]}

    def hook() -> None:
        before = otel_context.attach(context)  # what the hook leaves attached the web instrumentation takes away
        asgi_request_hook(trace.INVALID_SPAN, scope)
        otel_context.detach(before)

    return [
        row(
            "identity",
            "headers of a request, four ids",
            _cost(lambda: extract(HEADERS, context)),
            "us",
            goal=REQUEST_GOAL,
        ),
        row(
            "identity", "headers of a request, none", _cost(lambda: extract(nothing, context)), "us", goal=REQUEST_GOAL
        ),
        row("identity", "the ASGI hook, four ids among 30 headers", _cost(hook), "us"),
        row("identity", "headers of a request, a megabyte", _cost(lambda: extract(huge, context)), "us"),
    ]


def _usage() -> list[Row]:
    facts = {f"attribute.{number}": number for number in range(10)}
    attributes = {**facts, **WHO.attributes}
    provider = LoggerProvider()
    provider.add_log_record_processor(BatchLogRecordProcessor(InMemoryLogRecordExporter(), max_queue_size=1_000_000))
    silent, telling = (
        Telemetry("a.benchmark", None, None, Settings(), one) for one in (NoOpLoggerProvider(), provider)
    )
    unheard = _cost(lambda: emit_usage(silent, WHO, facts, None))
    by_hand = _cost(lambda: telling.logger.emit(event_name="by.hand", attributes=attributes))
    cost = _cost(lambda: emit_usage(telling, WHO, facts, None))
    provider.shutdown()
    return [
        row("identity", "a usage event, no SDK for logs", unheard, "us", goal=REQUEST_GOAL),
        row("identity", "a usage event, the SDK, in batches", cost, "us", over=("emit by hand", by_hand)),
    ]


def _cost(function: Callable[[], object]) -> float:
    """Return the cost of a call in the least disturbed of several rounds, in microseconds."""
    times: list[float] = []
    for _ in range(ROUNDS):
        gc.collect()
        before = time.perf_counter()
        for _ in range(CALLS):
            function()
        times.append((time.perf_counter() - before) / CALLS * MICROSECONDS)
    return min(times)


if __name__ == "__main__":
    main()
