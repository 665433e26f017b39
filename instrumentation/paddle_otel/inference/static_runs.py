"""Wrapper of ``Executor.run``."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, Final

from opentelemetry.util.types import AttributeValue

from paddle_otel.decorators.generators import Refused
from paddle_otel.guard import guarded
from paddle_otel.inference.exported_generation import is_generation_program
from paddle_otel.inference.exported_runs import generation_of
from paddle_otel.inference.handlers import InferenceHandlers
from paddle_otel.inference.jit_static_values import CallValues
from paddle_otel.inference.program_inputs import facts_of, text_inputs
from paddle_otel.inference.program_reader import ProgramReader
from paddle_otel.inference.static_programs import KnownPrograms
from paddle_otel.inference.static_run_arguments import RunArguments
from paddle_otel.observed_call import ObservedCall, ObservedCallWrapper
from paddle_otel.operations.prediction import Prediction, PredictionFacts, inside_model_call

# A program is fed the same names each time.
_text_inputs = lru_cache(maxsize=256)(text_inputs)
_generates = lru_cache(maxsize=256)(is_generation_program)


class ExecutorRunWrapper(ObservedCallWrapper):
    """Observes the runs that are predictions, or generations where the program generates.

    A run of a program that came from ``load_inference_model`` is one. So is a run of any other program that is given
    inputs and asked for outputs. A run of a program with gradients or an optimizer in it never is.

    Args:
        handlers: Where it reports to.
        programs: What is known about programs.
    """

    def __init__(self, handlers: InferenceHandlers, programs: KnownPrograms) -> None:
        super().__init__(handlers.telemetry)
        self._handlers: Final = handlers
        self._programs: Final = programs
        self._inside: Final = inside_model_call()

    @guarded("starting the prediction of a program")
    def _start(self, executor: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> ObservedCall | Refused | None:
        if self._inside.get():
            return None
        arguments = RunArguments(args, kwargs)
        known = self._programs.predicting(arguments)
        if known is None:
            return None
        names = tuple(arguments.feed)
        if _generates(names):
            values = CallValues(names, tuple(arguments.feed.values()))
            call = generation_of(self._handlers, known.origin_on(executor), values, _outputs)
            if call is not None:
                return call
        prediction = self._handlers.predictions.start(known.model_on(executor))
        return None if prediction is None else _ObservedRun(prediction, arguments)


class _ObservedRun:
    """A run in progress, and what reads it when it has ended."""

    __slots__ = ("_arguments", "_input_names", "_inputs", "_prediction", "_result")

    def __init__(self, prediction: Prediction, arguments: RunArguments) -> None:
        self._prediction: Final = prediction
        self._arguments: Final = arguments
        # Now: the executor takes out of the mapping what the program does not know.
        self._input_names: Final = tuple(arguments.feed)
        self._inputs: Final = tuple(arguments.feed.values())
        self._result: Sequence[Any] | None = None

    def finish(self, result: Sequence[Any]) -> None:
        self._result = result
        self._prediction.finish(self)

    def fail(self, error: BaseException) -> None:
        self._prediction.fail(error, self)

    def facts(self) -> PredictionFacts:
        names = self._input_names
        return facts_of(CallValues(names, self._inputs), _text_inputs(names))

    def span_attributes(self) -> Mapping[str, AttributeValue]:
        result, names = self._result, self._input_names
        outputs = None if result is None else CallValues(self._arguments.output_names(), result)
        return ProgramReader(CallValues(names, self._inputs), outputs, _text_inputs(names)).span_attributes()


def _outputs(result: Sequence[Any]) -> CallValues:
    # What tells ids from scores is their shape and type: names are not needed, and not every output has one.
    return CallValues((), result)
