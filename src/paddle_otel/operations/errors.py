"""Names failures for ``error.type``."""

from paddle_otel.conventions import attributes as a
from paddle_otel.guard import attempt


def error_type(error: BaseException) -> str:
    """Return the exception's class name, with its module where that is not ``builtins``.

    Args:
        error: What the user's call raised.

    Returns:
        A low-cardinality name, as the OpenTelemetry conventions ask of ``error.type``; never the message.
    """
    # Asked in the middle of passing the user's exception on: nothing may take its place.
    return attempt("naming an error", _class_name, error) or a.ERROR_TYPE_OTHER


def _class_name(error: BaseException) -> str:
    kind = type(error)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
