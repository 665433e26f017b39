"""A generation whose program counts its own tokens, and which may pause between two of them."""

import time

from paddle_otel.conventions import attributes as a
from paddle_otel.conventions import spans
from paddle_otel.operations.generation import Generation
from paddle_otel.operations.generation_facts import GenerationRequest
from paddle_otel.operations.generation_metrics import GenerationMetrics, Timing
from paddle_otel.operations.generation_steps import GenerationSteps
from paddle_otel.operations.telemetry import Telemetry


class ToldSteps(GenerationSteps):
    """Steps whose tokens the program says.

    Their durations are those of its work: what lies between two parts, as while a generator waits to be asked for the
    next value, is not the model's time.

    Attributes:
        are_told: Whether the program has said anything.
    """

    __slots__ = ("_first_tokens", "_first_waited_ns", "_left_ns", "_most", "_waited_ns", "are_told")

    def __init__(self) -> None:
        super().__init__()
        self.are_told = False
        self._most = 0
        self._first_tokens = 0
        self._first_waited_ns = 0
        self._waited_ns = 0
        self._left_ns = 0  # when the latest part was left, 0 while one goes on

    @property
    def latest_ns(self) -> int:
        """Until when the program has worked by now."""
        return self._left_ns or time.perf_counter_ns()

    def enter(self) -> None:
        """Note that a part of the work begins."""
        if self._left_ns:
            self._waited_ns += time.perf_counter_ns() - self._left_ns
            self._left_ns = 0

    def leave(self) -> None:
        """Note that it ends."""
        self._left_ns = self.latest_ns

    def count(self, tokens: int | None, request: GenerationRequest) -> int:
        """Count one.

        Args:
            tokens: How many it made over all sequences; ``None`` is unknown.
            request: What was asked for.

        Returns:
            How many it made for budgets: where that is not known, one for each sequence.
        """
        if self.number == 0:
            self._first_waited_ns = self._waited_ns
            self._first_tokens = tokens or 0
        self.number += 1
        if tokens is None:
            self.tokens_are_exact = False
            return request.sequences or 1
        self.are_told = True
        self.tokens += tokens
        self._most = max(self._most, tokens)
        return tokens

    def timing(self, request: GenerationRequest, end_ns: int) -> Timing:
        """Return how long they took.

        Args:
            request: What was asked for.
            end_ns: When the generation was over.
        """
        worked_until = min(end_ns, self._left_ns or end_ns)
        first = self.first_ns - self.start_ns - self._first_waited_ns
        duration = worked_until - self.start_ns - self._waited_ns
        tokens = self._tokens_after_the_first(request.sequences)
        return Timing(
            duration=duration / 1e9,
            first_token=first / 1e9 if self.number else None,
            per_token=(duration - first) / 1e9 / tokens if tokens else None,
        )

    def _tokens_after_the_first(self, sequences: int | None) -> int | None:
        """Return how many tokens a sequence was given after the first step, ``None`` when that cannot be told."""
        if self.number == 0 or not (self.tokens_are_exact or (sequences or 1) > 1):
            return None
        if sequences == 1:
            return self.tokens - self._first_tokens
        # A step makes one token for each sequence that goes on; where it made more they cannot be told apart.
        return self.number - 1 if self._most <= (sequences or 1) else None


class CountedGeneration(Generation):
    """A generation that is told how many tokens each step made.

    Args:
        telemetry: Where it goes.
        metrics: The instruments.
        request: What is known before.
    """

    __slots__ = ("_told",)

    def __init__(self, telemetry: Telemetry, metrics: GenerationMetrics, request: GenerationRequest) -> None:
        self._told = ToldSteps()
        super().__init__(telemetry, metrics, request, self._told)

    def enter(self) -> None:
        """Begin a part of the work, in this thread or task."""
        self._told.enter()
        super().enter()

    def leave(self) -> None:
        """End a part of the work, where it began."""
        self._told.leave()
        super().leave()

    def count_step(self, tokens: int | None) -> bool:
        """Note that a step is done.

        Args:
            tokens: How many it made over all sequences. ``None`` is unknown: from then on the sum is, too. A step that
                made none is no decode step: a prompt that is read in pieces has such steps before its first token.

        Returns:
            Whether to stop here, as a budget is used up.
        """
        if tokens == 0:
            self._told.are_told = True
            return False
        if self._told.number == 0:
            self._begin_to_decode(self._told.latest_ns)
        counted = self._told.count(tokens, self.request)
        return self._budget.step(counted, counted)

    def name_model(self, model: str) -> None:
        """Name the model, where it was not known at the start."""
        self.request = self.request._replace(model=model)
        self._span.update_name(spans.generation(self.request.operation, model))
        self._span.set_attributes({a.GEN_AI_REQUEST_MODEL: model, a.GEN_AI_RESPONSE_MODEL: model})

    @property
    def counted_tokens(self) -> int | None:
        """Output tokens of all steps, ``None`` when those of one are not known or no step was reported."""
        return self._told.tokens if self._told.are_told and self._told.tokens_are_exact else None
