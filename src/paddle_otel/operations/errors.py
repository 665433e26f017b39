"""Names failures for ``error.type``."""


def error_type(error: BaseException) -> str:
    """Return the exception's class name, with its module where that is not ``builtins``.

    Args:
        error: What the user's call raised.

    Returns:
        A low-cardinality name, as the OpenTelemetry conventions ask of ``error.type``; never the message.
    """
    kind = type(error)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
