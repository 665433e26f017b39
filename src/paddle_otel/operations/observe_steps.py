"""A generation whose program counts its own tokens, and which may pause between two of them."""

import time

from paddle_otel.conventions import attributes as a
from paddle_otel.conventions import spans
from paddle_otel.operations.generation import Generation
from paddle_otel.operations.generation_facts import GenerationRequest
from paddle_otel.operations.generation_metrics import GenerationMetrics, Timing
from paddle_otel.operations.telemetry import Telemetry


class CountedGeneration(Generation):
    """A generation that is told how many tokens each step made.

    Its durations are those of its work: what lies between two parts, as while a generator waits to be asked for the
    next value, is not the model's time.

    Args:
        telemetry: Where it goes.
        metrics: The instruments.
        request: What is known before.
    """

    __slots__ = ("_counted", "_first_tokens", "_first_waited_ns", "_left_ns", "_most", "_waited_ns")

    def __init__(self, telemetry: Telemetry, metrics: GenerationMetrics, request: GenerationRequest) -> None:
        self._counted: int | None = None
        self._most = 0
        self._first_tokens = 0
        self._first_waited_ns = 0
        self._waited_ns = 0
        self._left_ns = 0  # when the latest part was left, 0 while one goes on
        super().__init__(telemetry, metrics, request)  # last: a collection may read it from now on

    def enter(self) -> None:
        """Begin a part of the work, in this thread or task."""
        if self._left_ns:
            self._waited_ns += time.perf_counter_ns() - self._left_ns
            self._left_ns = 0
        super().enter()

    def leave(self) -> None:
        """End a part of the work, where it began."""
        self._left_ns = self._left_ns or time.perf_counter_ns()
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
            self._counted = self._counted or 0
            return False
        if self._steps == 0:
            self._first_step_ns = self._left_ns or time.perf_counter_ns()
            self._begin_to_decode()
            self._first_waited_ns = self._waited_ns
            self._first_tokens = tokens or 0
        self._steps += 1
        if tokens is None:
            self._tokens_are_exact = False
            tokens = self.request.sequences or 1  # what a budget counts at least
        else:
            self._counted = (self._counted or 0) + tokens
            self._most = max(self._most, tokens)
        return self._budget.step(tokens, tokens)

    def name_model(self, model: str) -> None:
        """Name the model, where it was not known at the start."""
        self.request = self.request._replace(model=model)
        self._span.update_name(spans.generation(self.request.operation, model))
        self._span.set_attributes({a.GEN_AI_REQUEST_MODEL: model, a.GEN_AI_RESPONSE_MODEL: model})

    @property
    def counted_tokens(self) -> int | None:
        """Output tokens of all steps, ``None`` when those of one are not known or no step was reported."""
        return self._counted if self._tokens_are_exact else None

    @property
    def live_output_tokens(self) -> int:
        """Output tokens so far, as far as they were told."""
        return self._counted or 0

    def _timing(self, end_ns: int) -> Timing:
        worked_until = min(end_ns, self._left_ns or end_ns)
        first = self._first_step_ns - self._start_ns - self._first_waited_ns
        duration = worked_until - self._start_ns - self._waited_ns
        tokens = self._tokens_after_the_first()
        return Timing(
            duration=duration / 1e9,
            first_token=first / 1e9 if self._steps else None,
            per_token=(duration - first) / 1e9 / tokens if tokens else None,
        )

    def _tokens_after_the_first(self) -> int | None:
        """Return how many tokens a sequence was given after the first step, ``None`` when that cannot be told."""
        sequences = self.request.sequences
        if self._steps == 0 or not (self._tokens_are_exact or (sequences or 1) > 1):
            return None
        if sequences == 1:
            return (self._counted or 0) - self._first_tokens
        # A step makes one token for each sequence that goes on; where it made more they cannot be told apart.
        return self._steps - 1 if self._most <= (sequences or 1) else None
