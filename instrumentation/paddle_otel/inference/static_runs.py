"""Wrapper of ``Executor.run``."""

from collections.abc import Sequence
from functools import lru_cache, partial
from typing import Any, Final

from paddle_otel.decorators.generators import Refused
from paddle_otel.inference.call_prediction import CallPrediction
from paddle_otel.inference.exported_generation import is_generation_program
from paddle_otel.inference.exported_runs import generation_of
from paddle_otel.inference.handlers import InferenceHandlers
from paddle_otel.inference.jit_static_values import CallValues
from paddle_otel.inference.program_inputs import TextInputs, text_inputs
from paddle_otel.inference.static_programs import KnownPrograms
from paddle_otel.inference.static_run_arguments import RunArguments
from paddle_otel.observed_call import ObservedCall, ObservedCallWrapper
from paddle_otel.operations.prediction import inside_model_call


@lru_cache(maxsize=256)  # a program is fed the same names each time
def _generates_and_text(names: tuple[str, ...]) -> tuple[bool, TextInputs | None]:
    return is_generation_program(names), text_inputs(names)


class ExecutorRunWrapper(ObservedCallWrapper):
    """Observes the runs that are predictions, or generations where the program generates.

    A run of a program that came from ``load_inference_model`` is one. So is a run of any other program that is given
    inputs and asked for outputs. A run of a program with gradients or an optimizer in it never is.

    Args:
        handlers: Where it reports to.
        programs: What is known about programs.
    """

    def __init__(self, handlers: InferenceHandlers, programs: KnownPrograms) -> None:
        super().__init__(handlers.telemetry, "starting the prediction of a program")
        self._handlers: Final = handlers
        self._programs: Final = programs
        self._inside: Final = inside_model_call()

    def _start(self, executor: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> ObservedCall | Refused | None:
        if self._inside.get():
            return None
        arguments = RunArguments(args, kwargs)
        known = self._programs.predicting(arguments)
        if known is None:
            return None
        # Now: the executor takes out of the mapping what the program does not know.
        names, inputs = tuple(arguments.feed), tuple(arguments.feed.values())
        generates, text = _generates_and_text(names)
        if generates:
            call = generation_of(self._handlers, known.origin_on(executor), CallValues(names, inputs), _outputs)
            if call is not None:
                return call
        run = _ExecutorRun(self._handlers.predictions, known.model, partial(known.model_on, executor))
        run.names, run.inputs, run.text, run.arguments = names, inputs, text, arguments
        return run


class _ExecutorRun(CallPrediction):
    __slots__ = ("arguments",)

    arguments: RunArguments

    def outputs(self, result: Any) -> CallValues:
        return CallValues(self.arguments.output_names(), result)


def _outputs(result: Sequence[Any]) -> CallValues:
    # What tells ids from scores is their shape and type: names are not needed, and not every output has one.
    return CallValues((), result)
