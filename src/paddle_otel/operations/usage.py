"""The billing record: one ``paddle.usage`` event for each request that ended, however it ended."""

import time
import uuid
from collections.abc import Mapping
from typing import Final

from opentelemetry._logs import Logger, NoOpLogger, SeverityNumber
from opentelemetry.context import Context
from opentelemetry.util.types import AttributeValue

from paddle_otel.conventions import attributes as a
from paddle_otel.conventions import events
from paddle_otel.guard import guarded
from paddle_otel.identity import Identity, current_identity
from paddle_otel.operations.telemetry import Telemetry

_SEVERITY: Final = SeverityNumber.INFO


@guarded("writing a usage event")
def emit_usage(
    telemetry: Telemetry, identity: Identity, facts: Mapping[str, AttributeValue | None], context: Context | None
) -> None:
    """Emit the usage event of one request; nobody is told while ``PADDLE_OTEL_USAGE_EVENTS`` is ``false``.

    Args:
        telemetry: Where it goes.
        identity: Who asked.
        facts: What is known of the request; ``None`` values are left out.
        context: The context with its span, so that the event is found from the span and back; ``None`` for the current
            one.
    """
    if not telemetry.settings.usage_events:
        return
    if not _is_wanted(telemetry.logger, context):
        return
    attributes = {key: value for key, value in facts.items() if value is not None}
    telemetry.logger.emit(
        timestamp=time.time_ns(),
        context=context,
        severity_number=_SEVERITY,
        severity_text=_SEVERITY.name,
        event_name=events.USAGE,
        # Its own id: exporters may deliver an event twice, and nobody is to pay twice.
        attributes={a.PADDLE_USAGE_ID: str(uuid.uuid4()), **attributes, **identity.attributes},
    )


def _is_wanted(logger: Logger, context: Context | None) -> bool:
    """Tell whether there is an SDK for logs that wants the event; what it costs is otherwise spent for nobody."""
    if isinstance(logger, NoOpLogger):
        return False
    enabled = getattr(logger, "enabled", None)  # OpenTelemetry 1.44 has none
    return enabled is None or enabled(context=context, severity_number=_SEVERITY, event_name=events.USAGE)


@guarded("writing the usage event of a prediction")
def emit_prediction_usage(  # noqa: PLR0913 - what is known of a prediction, nearly all by keyword
    telemetry: Telemetry,
    model: str | None,
    *,
    embeddings: bool,
    kind: str,
    input_tokens: int,
    seconds: float,
    error: str | None,
    used: Mapping[str, AttributeValue] | None,
    context: Context | None,
) -> None:
    """Emit the usage event of one run of a model that generates nothing; only where its tokens are known and counted.

    Args:
        telemetry: Where it goes.
        model: Name of the model, if known.
        embeddings: Whether it makes embeddings.
        kind: One of the ``KIND_*`` values.
        input_tokens: Tokens that it was given, padding excluded.
        seconds: How long it took.
        error: ``error.type`` of a failure, ``None`` for success.
        used: What it used of a GPU, if known.
        context: The context with its span, ``None`` where it has none.
    """
    facts: dict[str, AttributeValue | None] = {
        a.GEN_AI_OPERATION_NAME: a.OPERATION_EMBEDDINGS if embeddings else None,
        a.GEN_AI_PROVIDER_NAME: a.PROVIDER_PADDLEPADDLE,
        a.GEN_AI_REQUEST_MODEL: model,
        a.PADDLE_MODEL_KIND: kind,
        a.GEN_AI_USAGE_INPUT_TOKENS: input_tokens,
        a.GEN_AI_USAGE_OUTPUT_TOKENS: 0,
        a.PADDLE_USAGE_DURATION: seconds,
        a.ERROR_TYPE: error,
        **(used or {}),
    }
    emit_usage(telemetry, current_identity(context), facts, context)
