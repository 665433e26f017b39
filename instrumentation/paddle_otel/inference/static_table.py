"""What is patched for ``paddle.static``: inference programs run by an executor."""

from collections.abc import Iterable
from typing import Any

from paddle_otel.conventions import attributes as a
from paddle_otel.inference.handlers import InferenceHandlers
from paddle_otel.inference.jit_static_loads import Arguments, Loading, LoadWrapper, argument, name_of_file
from paddle_otel.inference.static_places import place_name
from paddle_otel.inference.static_programs import KnownPrograms
from paddle_otel.inference.static_runs import ExecutorRunWrapper
from paddle_otel.patching import Patch


def static_patches(handlers: InferenceHandlers) -> Iterable[Patch]:
    """Return the patches.

    Args:
        handlers: Where the wrappers report to.
    """
    # Not made anew when switched on again: a program is loaded once.
    programs = handlers.telemetry.meters.keep(KnownPrograms, KnownPrograms)
    load = LoadWrapper(handlers, Loading(a.KIND_STATIC_PROGRAM, _name, _device, _program, programs.loaded))
    return (
        # By the module that is imported last: patched earlier, the other one would take over the patched function.
        Patch("paddle.static", "load_inference_model", load),
        Patch("paddle.static", "load_inference_model", load, owner_module="paddle.static.io"),
        Patch("paddle.base.executor", "Executor.run", ExecutorRunWrapper(handlers, programs)),
    )


def _name(arguments: Arguments) -> str | None:
    return name_of_file(argument(arguments, 0, "path_prefix"), arguments[1].get("model_filename"))


def _device(arguments: Arguments) -> str | None:
    return place_name(getattr(argument(arguments, 1, "executor"), "place", None))


def _program(loaded: Any) -> Any:
    program, _, _ = loaded
    return program
