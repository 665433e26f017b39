"""A run of a program that generates: of a predictor, a loaded layer or an executor."""

from collections.abc import Callable
from typing import Any, Final

from paddle_otel.decorators.generators import Refused
from paddle_otel.inference.exported_generation import ExportedGeneration
from paddle_otel.inference.handlers import InferenceHandlers
from paddle_otel.inference.predictor_config import PredictorOrigin
from paddle_otel.inference.program_values import ProgramValues
from paddle_otel.operations.generation import Generation, current_generation


class _GenerationRun:
    """A run in progress."""

    __slots__ = ("_exported", "_generation", "_outputs")

    def __init__(
        self, generation: Generation, exported: ExportedGeneration, outputs: Callable[[Any], ProgramValues]
    ) -> None:
        self._generation: Final = generation
        self._exported: Final = exported
        self._outputs: Final = outputs

    def end(self, result: Any, raised: BaseException | None = None) -> None:
        if raised is None:
            self._generation.finish(lambda: self._exported.response(self._outputs(result)))
        else:
            self._generation.fail(raised, self._exported.failed)


def generation_of(
    handlers: InferenceHandlers,
    origin: PredictorOrigin,
    inputs: ProgramValues,
    outputs: Callable[[Any], ProgramValues],
) -> "_GenerationRun | Refused | None":
    """Start to observe a run as a generation.

    Args:
        handlers: Where it reports to.
        origin: What is known of the program.
        inputs: What it is given.
        outputs: Finds in the result of the run what the program gave.

    Returns:
        ``None`` for a run that is none or is part of one, refused for one that a budget does not allow.
    """
    exported = None if current_generation() is not None else ExportedGeneration.of(origin, inputs)
    if exported is None:
        return None
    generation = Generation.start(handlers.telemetry, handlers.generations, exported.request)
    if generation is None:
        return None
    refusal = generation.refuse()
    return _GenerationRun(generation, exported, outputs) if refusal is None else Refused(refusal)
