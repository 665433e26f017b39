"""The decode steps of one generation: how many, when the first one was done, and what they made."""

import time
from typing import Final

from paddle_otel.operations.generation_facts import GenerationRequest
from paddle_otel.operations.generation_metrics import Timing


class GenerationSteps:
    """Counts them; the clock of the generation, which begins now.

    Attributes:
        start_ns: When it began, on the clock of ``time.perf_counter_ns``.
        start_unix_ns: When it began.
        number: How many steps are done.
        are_certain: Whether all of them were seen, and each was one of the model's.
        first_ns: When the first one was done.
        tokens: How many output tokens they made, as far as that was said.
        tokens_are_exact: Whether it was said of each.
    """

    __slots__ = ("are_certain", "first_ns", "number", "start_ns", "start_unix_ns", "tokens", "tokens_are_exact")

    def __init__(self) -> None:
        self.start_unix_ns: Final = time.time_ns()
        self.start_ns: Final = time.perf_counter_ns()
        self.number = 0
        self.are_certain = True
        self.first_ns = 0
        self.tokens: int = 0
        self.tokens_are_exact = True

    def unix_ns(self, perf_ns: int) -> int:
        """Return a time of ``time.perf_counter_ns`` as Unix time.

        One clock for everything inside a generation: a stepped wall clock cannot make a child outlive its parent.
        """
        return self.start_unix_ns + (perf_ns - self.start_ns)

    def count(self, tokens: int | None, request: GenerationRequest) -> int:
        """Count one.

        Args:
            tokens: How many it made over all sequences. Not said, a single sequence made one.
            request: What was asked for.

        Returns:
            How many it made for budgets: where that is not known, one for each sequence.
        """
        self.number += 1
        if tokens is None and request.single_sequence:
            tokens = 1
        if tokens is None:
            self.tokens_are_exact = False
            return request.sequences or 1
        self.tokens += tokens
        return tokens

    def count_unseen(self, request: GenerationRequest, end_ns: int) -> None:
        """Count the last one of a search of known length, which is seen only by its result.

        Args:
            request: What was asked for.
            end_ns: When the generation was over.
        """
        full = request.full_search_steps
        if full is None or self.number >= full:
            return
        if request.may_end_early:
            self.are_certain = False  # ended by a criterion, or by itself in a step that was not seen
            return
        self.first_ns = self.first_ns or end_ns
        self.number += 1

    def cache_bytes(self, request: GenerationRequest) -> int | None:
        """Return the size of the key-value cache after them in bytes, ``None`` when it is not known.

        The last token produced has not been fed back, so its keys and values are not in the cache.
        """
        per_token, columns = request.cache_bytes_per_token, request.prompt_columns
        if per_token is None or columns is None or self.number == 0:
            return None
        return per_token * (columns + self.number - 1)

    def timing(self, request: GenerationRequest, end_ns: int) -> Timing:  # noqa: ARG002 - those that are told need it
        """Return how long they took.

        Args:
            request: What was asked for.
            end_ns: When the generation was over.
        """
        return Timing(
            duration=(end_ns - self.start_ns) / 1e9,
            first_token=(self.first_ns - self.start_ns) / 1e9 if self.number else None,
            per_token=self._seconds_per_token(end_ns),
        )

    def _seconds_per_token(self, end_ns: int) -> float | None:
        if self.number < 2 or not self.are_certain:  # noqa: PLR2004 - a first one and one after it
            return None
        return (end_ns - self.first_ns) / 1e9 / (self.number - 1)
