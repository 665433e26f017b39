"""The context in which the span of an operation is the current one."""

from opentelemetry import trace
from opentelemetry.context import Context, get_current
from opentelemetry.trace import Span


def context_with(span: Span, around: Context | None = None) -> Context:
    """Return a context in which a span is current.

    Args:
        span: The span of an operation.
        around: The context around the operation, the current one unless given. It is returned itself where nothing is
            recorded: then ``span`` is a copy of the one that is current there, which can record nothing and would hide
            that one from the program.
    """
    context = get_current() if around is None else around
    outer = trace.get_current_span(context)
    if span is not outer and not span.is_recording() and span.get_span_context() == outer.get_span_context():
        return context
    return trace.set_span_in_context(span, context)
