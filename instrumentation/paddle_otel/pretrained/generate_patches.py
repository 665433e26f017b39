"""Wrappers of ``generate``."""

from collections.abc import Callable
from contextvars import ContextVar
from functools import partial
from typing import Any, Final

from paddle_otel.guard import attempt, guard, guarded
from paddle_otel.operations.generation import Generation, current_generation
from paddle_otel.operations.generation_facts import GenerationResponse
from paddle_otel.operations.prediction import inside_model_call
from paddle_otel.pretrained.decode_steps import DecodeSteps
from paddle_otel.pretrained.generate_arguments import GenerateArguments
from paddle_otel.pretrained.generate_request import generation_request, outer_request
from paddle_otel.pretrained.generate_response import generation_response, prompt_only_response
from paddle_otel.pretrained.handlers import Handlers
from paddle_otel.pretrained.model_facts import reports_requests
from paddle_otel.pretrained.stopping import with_probe

_waiting_outer: Final[ContextVar["_OuterCall | None"]] = ContextVar("paddle_otel_outer_generate", default=None)

# True inside a call that another rank reports: whatever generates in it is reported there too.
_reported_elsewhere: Final[ContextVar[bool]] = ContextVar("paddle_otel_reported_elsewhere", default=False)


class GenerateWrapper:
    """Wraps ``GenerationMixin.generate``.

    Args:
        handlers: Where it reports to.
        library: The package with ``generation.stopping_criteria``: PaddleNLP, PaddleFormers, or PaddleX's copy.
    """

    def __init__(self, handlers: Handlers, library: str) -> None:
        self._handlers = handlers
        self._library = library

    def __call__(
        self, wrapped: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        """Observe the outermost ``generate`` of this thread or task; inner ones are part of it."""
        if current_generation() is not None:
            return self._inside(wrapped, instance, args, kwargs)
        if self._handlers.telemetry.is_idle() or _reported_elsewhere.get():
            return wrapped(*args, **kwargs)
        call = _ObservedCall.start(self._handlers, self._library, instance, args, kwargs)
        if call is None:
            return _unobserved(wrapped, args, kwargs)
        _refuse(call.generation, call.arguments.argument("streamer"))
        args, kwargs, steps = self._probed(args, kwargs, call.generation, call.arguments)
        try:
            result = wrapped(*args, **kwargs)
        except BaseException as error:
            call.generation.fail(error, lambda: prompt_only_response(call.arguments))
            raise
        call.generation.finish(lambda: generation_response(call.arguments, result, steps.stopped_after))
        return result

    def _inside(self, wrapped: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        outer = _waiting_outer.get()
        if outer is None or outer.is_inside or current_generation() is not outer.generation:
            return wrapped(*args, **kwargs)
        arguments = attempt("reading the arguments of an inner generate", GenerateArguments, instance, args, kwargs)
        if arguments is None:
            return wrapped(*args, **kwargs)
        is_first, outer.has_inner = not outer.has_inner, True
        with guard("describing an inner generate"):
            if is_first:
                outer.generation.adopt(generation_request(self._handlers, self._library, instance, arguments))
            else:
                outer.generation.adopt_another()
        args, kwargs, steps = self._probed(args, kwargs, outer.generation, arguments)
        outer.is_inside = True
        try:
            result = wrapped(*args, **kwargs)
        finally:
            outer.is_inside = False
        # Of several inner calls it is not known whose result is the outer's; their steps were counted.
        outer.response = (
            (lambda: generation_response(arguments, result, steps.stopped_after)) if is_first else GenerationResponse
        )
        return result

    def _probed(
        self, args: tuple[Any, ...], kwargs: dict[str, Any], generation: Generation, arguments: GenerateArguments
    ) -> tuple[tuple[Any, ...], dict[str, Any], DecodeSteps]:
        steps = attempt("preparing the step probe", DecodeSteps.of, generation, arguments) or DecodeSteps(generation)
        adding = partial(with_probe, self._library, args, kwargs, steps.step, may_stop=generation.has_budget)
        probed = attempt("adding the step probe", adding)
        return (*((args, kwargs) if probed is None else probed), steps)


class OuterGenerateWrapper:
    """Wraps the ``generate`` of a model that calls a language model's ``generate`` inside (vision-language models).

    The span is the outer call's; the steps and tokens are the inner one's.

    Args:
        handlers: Where it reports to.
    """

    def __init__(self, handlers: Handlers) -> None:
        self._handlers = handlers

    def __call__(
        self, wrapped: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        """Observe the outermost ``generate`` of this thread or task."""
        if current_generation() is not None or self._handlers.telemetry.is_idle():
            return wrapped(*args, **kwargs)
        if attempt("asking a model for its rank", reports_requests, instance) is False:
            return _of_another_rank(wrapped, args, kwargs)
        outer = _OuterCall.start(self._handlers, instance)
        if outer is None:
            return _unobserved(wrapped, args, kwargs)
        _refuse(outer.generation, kwargs.get("streamer"))
        token = _waiting_outer.set(outer)
        try:
            result = wrapped(*args, **kwargs)
        except BaseException as error:
            _waiting_outer.reset(token)
            outer.generation.fail(error, GenerationResponse)
            raise
        _waiting_outer.reset(token)
        outer.generation.finish(outer.response)
        return result


def _refuse(generation: Generation, streamer: Any) -> None:
    refusal = generation.refuse()
    if refusal is None:
        return
    # Whoever reads an iterating streamer in another thread waits for its end, and no library code runs to say it.
    with guard("ending the streamer of a refused generation"):
        if streamer is not None:
            streamer.end()
    raise refusal()


def _unobserved(wrapped: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    # The model is called once a step: without a generation around them these calls would pass for predictions.
    inside = inside_model_call()
    token = inside.set(True)
    try:
        return wrapped(*args, **kwargs)
    finally:
        inside.reset(token)


def _of_another_rank(wrapped: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    token = _reported_elsewhere.set(True)
    try:
        return _unobserved(wrapped, args, kwargs)
    finally:
        _reported_elsewhere.reset(token)


class _ObservedCall:
    def __init__(self, generation: Generation, arguments: GenerateArguments) -> None:
        self.generation = generation
        self.arguments = arguments

    @classmethod
    @guarded("reading the arguments of generate")
    def start(
        cls, handlers: Handlers, library: str, model: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> "_ObservedCall | None":
        if not reports_requests(model):
            return None
        arguments = GenerateArguments(model, args, kwargs)
        request = generation_request(handlers, library, model, arguments)
        generation = Generation.start(handlers.telemetry, handlers.generations, request)
        return None if generation is None else cls(generation, arguments)


class _OuterCall:
    def __init__(self, generation: Generation) -> None:
        self.generation = generation
        self.has_inner = False
        self.is_inside = False
        self.response: Callable[[], GenerationResponse] = GenerationResponse

    @classmethod
    @guarded("starting an outer generation")
    def start(cls, handlers: Handlers, model: Any) -> "_OuterCall | None":
        request = outer_request(handlers, model)
        generation = Generation.start(handlers.telemetry, handlers.generations, request)
        return None if generation is None else cls(generation)
