"""Generations that a program reports itself: its own decode loop, or a model that nobody else observes."""

import os
from collections.abc import Callable, Sequence
from contextvars import ContextVar, Token
from typing import Any, Final, Literal, cast

from opentelemetry.util.types import AttributeValue

from paddle_otel.context_part import set_over_default
from paddle_otel.conventions import attributes as a
from paddle_otel.decorators.generators import Refused
from paddle_otel.guard import attempt, guard, guarded
from paddle_otel.operations.generation import current_generation
from paddle_otel.operations.generation_facts import GenerationRequest, GenerationResponse
from paddle_otel.operations.observe_calls import Observer
from paddle_otel.operations.observe_reporting import reporting
from paddle_otel.operations.observe_steps import CountedGeneration
from paddle_otel.operations.observe_values import (
    misuse,
    model_name,
    number,
    refuse_function,
    result_of,
    text,
    texts,
    whole_number,
    whole_numbers,
)

_OPERATIONS: Final = (a.OPERATION_TEXT_COMPLETION, a.OPERATION_CHAT)


def one_token(_: object) -> int:
    """Say that a value of a generator is one token."""
    return 1


class ObservedGeneration:
    """What a program says of its generation while it runs. Nothing here ever raises; what is not said is absent.

    To be used by the thread or task that generates.
    """

    __slots__ = ("_generation", "_input_tokens", "_output_tokens", "_reasons", "_sequences", "_stopped")

    def __init__(self, generation: CountedGeneration | None, input_tokens: int | None = None) -> None:
        self._generation = generation
        self._input_tokens = input_tokens
        self._output_tokens: int | None = None
        self._sequences: tuple[int, ...] | None = None
        self._reasons: tuple[str, ...] | None = None
        self._stopped = False

    def step(self, tokens: int | None = 1) -> bool:
        """Say that a decode step is done. The first one that made a token gives the time to the first token.

        Args:
            tokens: How many tokens it made, over all sequences together; ``None`` when that is not known.

        Returns:
            Whether to stop here: a budget with the action ``stop`` does not allow another step. Never ``True`` without
            budgets.
        """
        return attempt("counting a step that a program reports", self._step, tokens) is True

    def _step(self, tokens: int | None) -> bool:
        generation = self._generation
        return generation is not None and generation.count_step(whole_number("step(tokens=...)", tokens))

    @property
    def over_budget(self) -> bool:
        """Whether a budget asked to stop after the latest step, as :meth:`step` returned."""
        generation = self._generation
        return self._stopped if generation is None else generation.stopped_by is not None

    @guarded("naming the model of a generation that a program reports")
    def set_model(self, model: str) -> None:
        """Name the model, where it was not known at the start. Before the first step, so that all counts have it.

        Args:
            model: Its name; of a path, the last part is reported.
        """
        generation, name = self._generation, model_name(model)
        if generation is None or name is None:
            return
        if generation.steps:
            misuse("set_model", "is called after the first step and has no effect: tokens were counted already")
        else:
            generation.name_model(name)

    @guarded("taking the prompt length that a program reports")
    def set_input_tokens(self, tokens: int) -> None:
        """Say how many tokens the prompts have, padding excluded, all prompts together."""
        known = whole_number("set_input_tokens(...)", tokens)
        if self._generation is not None and known is not None:
            self._input_tokens = known

    @guarded("taking the result that a program reports")
    def finish(self, *reasons: str, output_tokens: int | Sequence[int] | None = None) -> None:
        """Say how it ended. It is over at the end of the block or function, whether this was called or not.

        Args:
            *reasons: Why each sequence ended: ``stop`` (by itself), ``length`` (at the limit).
            output_tokens: Tokens that were written, where the steps do not tell: of all sequences together, or a list
                with those of each.
        """
        if self._generation is None:
            return
        self._reasons = texts("finish(...)", reasons) if reasons else self._reasons
        if isinstance(output_tokens, list | tuple):
            self._sequences = whole_numbers("finish(output_tokens=...)", output_tokens)
        elif output_tokens is not None:
            self._output_tokens = whole_number("finish(output_tokens=...)", output_tokens)

    def end(self) -> None:
        """Take nothing more, as the generation is over."""
        self._stopped = self.over_budget
        self._generation = None

    def response(self) -> GenerationResponse:
        """Return what was said."""
        generation = self._generation
        total = self._output_tokens
        if total is None and generation is not None:
            total = generation.counted_tokens
        sequences = self._sequences
        if sequences is None and total is not None and generation is not None and generation.request.sequences == 1:
            sequences = (total,)
        return GenerationResponse(self._input_tokens, sequences, self._reasons or self._budget_reason(), total)

    def _budget_reason(self) -> tuple[str, ...] | None:
        # Which of several sequences had ended before is not known.
        generation = self._generation
        if generation is None or generation.stopped_by is None or (generation.request.sequences or 1) > 1:
            return None
        return (a.FINISH_BUDGET,)


_UNOBSERVED: Final = ObservedGeneration(None)
_observed: Final[ContextVar[ObservedGeneration]] = ContextVar("paddle_otel_observed_generation", default=_UNOBSERVED)


def observed_generation() -> ObservedGeneration:
    """Return the generation that the decorated function or the block around this code reports.

    Returns:
        One whose methods do nothing, where nothing is observed.
    """
    return _observed.get()


class observe_generation(Observer[ObservedGeneration]):  # noqa: N801 - used as a statement and as a decorator
    """Reports a generation: a ``with`` or ``async with`` block, or as a decorator each call of a function.

    The spans and metrics are those of an observed ``generate``. What else generates inside is part of it and reports
    nothing of its own. Nothing is done while there is no OpenTelemetry SDK.

    A decorated generator function reports from the first value to its end; each value is one step.

    Args:
        model: Its name; of a path, the last part is reported.
        operation: ``chat`` where the prompt came from a chat template.
        input_tokens: Tokens of the prompts, padding excluded, all prompts together.
        batch_size: How many prompts are generated for at once.
        stream: Whether tokens are handed out as they come; decorated generator functions do, unless said otherwise.
        max_tokens: The most tokens that the caller asked for.
        temperature: As the caller asked for.
        top_p: As the caller asked for.
        top_k: As the caller asked for.
        seed: As the caller asked for.
        choices: How many sequences are generated for each prompt.
        device: Where the model runs, as Paddle writes it (``cpu``, ``gpu:0``).
        dtype: What it computes in, for instance ``bfloat16``.
        tokens: Of a decorated generator function, how many tokens a value is; ``None`` means that the function calls
            :meth:`ObservedGeneration.step` itself.
    """

    def __init__(  # noqa: PLR0913 - what can be said of a request, all by keyword and all optional
        self,
        model: str | None = None,
        *,
        operation: Literal["text_completion", "chat"] = "text_completion",
        input_tokens: int | None = None,
        batch_size: int | None = None,
        stream: bool | None = None,
        max_tokens: int | None = None,
        temperature: float | None = None,
        top_p: float | None = None,
        top_k: int | None = None,
        seed: int | None = None,
        choices: int | None = None,
        device: str | None = None,
        dtype: str | None = None,
        tokens: Callable[[Any], int | None] | None = one_token,
    ) -> None:
        refuse_function("observe_generation", model)
        super().__init__("observe_generation", _UNOBSERVED)
        self._model = model
        self._operation = operation
        self._input_tokens = input_tokens
        self._batch_size = batch_size
        self._stream = stream
        self._asked = (max_tokens, temperature, top_p, top_k, seed, choices)
        self._device = device
        self._dtype = dtype
        self._tokens = tokens

    @guarded("starting a generation that a program reports")
    def start(self, *, streams: bool) -> "_Observation | Refused | None":
        """Start to observe one generation, ``None`` where nothing is to be reported."""
        to = reporting()
        if to is None:
            return None
        if current_generation() is not None:
            return _Observation(None, _UNOBSERVED, self._tokens)
        generation = CountedGeneration(to.telemetry, to.generations, self._request(streams))
        refusal = generation.refuse()
        if refusal is not None:
            return Refused(refusal)
        handle = ObservedGeneration(generation, whole_number("input_tokens", self._input_tokens))
        return _Observation(generation, handle, self._tokens)

    def _request(self, streams: bool) -> GenerationRequest:
        max_tokens, temperature, top_p, top_k, seed, choices = self._asked
        rows, choices = whole_number("batch_size", self._batch_size, 1), whole_number("choices", choices, 1)
        found: dict[str, AttributeValue | None] = {
            a.GEN_AI_REQUEST_MAX_TOKENS: whole_number("max_tokens", max_tokens),
            a.GEN_AI_REQUEST_TEMPERATURE: number("temperature", temperature),
            a.GEN_AI_REQUEST_TOP_P: number("top_p", top_p),
            a.GEN_AI_REQUEST_TOP_K: whole_number("top_k", top_k),
            a.GEN_AI_REQUEST_SEED: whole_number("seed", seed),
            a.GEN_AI_REQUEST_CHOICE_COUNT: choices,
            a.PADDLE_BATCH_SIZE: rows,
            a.PADDLE_DEVICE: text("device", self._device),
            a.PADDLE_DTYPE: text("dtype", self._dtype),
        }
        return GenerationRequest(
            operation=self._known_operation(),
            model=model_name(self._model),
            stream=streams if self._stream is None else self._stream is True,
            sequences=None if rows is None else rows * (choices or 1),
            attributes={key: value for key, value in found.items() if value is not None},
            input_tokens=whole_number("input_tokens", self._input_tokens),
        )

    def _known_operation(self) -> str:
        if self._operation in _OPERATIONS:
            return self._operation
        misuse("operation", f"is none of {', '.join(_OPERATIONS)}; the first is used")
        return _OPERATIONS[0]


class _Observation:
    """One generation that is being observed; without one it is inside another one, and part of that."""

    __slots__ = ("_generation", "_process", "_token", "_tokens", "handle")

    def __init__(
        self,
        generation: CountedGeneration | None,
        handle: ObservedGeneration,
        tokens: Callable[[Any], int | None] | None,
    ) -> None:
        self._generation = generation
        self._tokens = tokens
        self._token: Token[ObservedGeneration] | None = None
        self._process = os.getpid()
        self.handle = handle

    @guarded("entering a generation that a program reports")
    def enter(self) -> None:
        if self._generation is not None:
            self._generation.enter()
        self._token = set_over_default(_observed, self.handle)

    def leave(self) -> None:
        with guard("leaving a generation that a program reports"):
            self._forget_handle()
        with guard("leaving the context of a generation that a program reports"):
            if self._generation is not None:
                self._generation.leave()

    def _forget_handle(self) -> None:
        token, self._token = self._token, None
        if token is None:
            return
        try:
            _observed.reset(token)
        except ValueError:  # another context than the one it was entered in, perhaps a copy of it
            if _observed.get() is self.handle:
                _observed.set(_UNOBSERVED)

    def gave(self, value: Any) -> bool:
        if self._tokens is None or self._generation is None:
            return self.handle.over_budget  # its function says when a step is done
        if self._tokens is one_token:
            return self.handle.step()
        return self.handle.step(cast("int | None", result_of("tokens=", self._tokens, value)))

    @guarded("ending a generation that a program reports")
    def finished(self) -> None:
        # In a forked child it goes on as a copy; the parent reports it.
        if self._generation is not None and os.getpid() == self._process:
            self._generation.finish(self.handle.response)
            self.handle.end()

    def closed(self) -> None:
        self.finished()  # that somebody has read enough is no error, and why it ended is not known

    @guarded("ending a failed generation that a program reports")
    def failed(self, error: BaseException) -> None:
        if self._generation is not None and os.getpid() == self._process:
            self._generation.fail(error, self.handle.response)
            self.handle.end()
