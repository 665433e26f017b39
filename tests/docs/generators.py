"""Loads the programs that write parts of the documentation."""

import importlib
import sys
from pathlib import Path
from typing import Any

DOCS = Path(__file__).parents[2] / "docs"


def generator(name: str) -> Any:
    """Return one of them as a module; as when it is run, it finds its neighbours."""
    sys.path.insert(0, str(DOCS))
    try:
        return importlib.import_module(name)
    finally:
        sys.path.remove(str(DOCS))
