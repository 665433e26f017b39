"""The version of the installed distribution."""

import importlib.metadata
from typing import Final


def _installed_version() -> str:
    try:
        return importlib.metadata.version("paddle-otel")
    except importlib.metadata.PackageNotFoundError:
        return "0.0.0"  # runs from a source tree that is not installed


VERSION: Final = _installed_version()
"""Version of paddle-otel, ``0.0.0`` where it is not installed."""
