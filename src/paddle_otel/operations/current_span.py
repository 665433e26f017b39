"""A span that is current in parts of an operation, wherever those run."""

from typing import Final

from opentelemetry import context as otel_context
from opentelemetry.trace import Span

from paddle_otel.context_part import ContextPart
from paddle_otel.operations.span_context import context_with


class CurrentSpan(ContextPart):
    """Makes a span the current one between :meth:`enter` and :meth:`leave`.

    Args:
        span: The span.
    """

    __slots__ = ("context", "span")

    def __init__(self, span: Span) -> None:
        caller_context = otel_context.get_current()
        context = context_with(span, caller_context)
        super().__init__(context, caller_context)
        self.context: Final = context
        self.span: Final = span
