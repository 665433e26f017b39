"""Keeps Paddle's tracer out of the code that reports.

``paddle.jit.to_static`` without ``full_graph=True`` translates every Python function that runs below it into a
program, frame by frame: ours as well, and OpenTelemetry's below ours, which takes seconds. Paddle leaves out files of
which it is told so (its own, NumPy's, the standard library's). It cannot be told to forget that again; nothing else
depends on it.
"""

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import wrapt
from opentelemetry import trace

from paddle_otel import guard
from paddle_otel.guard import guarded
from paddle_otel.patching import Patch

_SKIP_FILES: Final = "paddle.jit.sot.opcode_translator.skip_files"


def untranslated_patches() -> list[Patch]:
    """Return the patch that tells Paddle's tracer, which asks for it once, at its import."""
    if _SKIP_FILES in sys.modules:
        leave_untranslated()
        return []
    return [Patch(_SKIP_FILES, "setup_skip_files", _tell_as_well)]


@guarded("telling Paddle's tracer what to leave alone")
def leave_untranslated() -> None:
    """Tell Paddle's tracer which folders it is not to look into."""
    core: Any = getattr(sys.modules.get("paddle.framework"), "core", None)
    tell: Callable[[tuple[str, ...]], None] | None = getattr(core, "eval_frame_skip_file_prefix", None)
    if tell is not None:
        tell(tuple(str(folder) + os.sep for folder in _folders()))


def _tell_as_well(wrapped: Callable[..., Any], _: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    result = wrapped(*args, **kwargs)
    leave_untranslated()
    return result


def _folders() -> set[Path]:
    # This project's two roots, which are one folder when installed; all of OpenTelemetry, SDK included; wrapt.
    own = {Path(guard.__file__).parent, Path(__file__).parent}
    return own | {Path(trace.__file__).parents[1], Path(wrapt.__file__).parent}
