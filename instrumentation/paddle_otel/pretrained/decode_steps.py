"""What each decode step of one ``generate`` call made, as the ids tell that the library shows to stopping criteria."""

from collections.abc import Sequence
from functools import partial
from typing import Any, Final, cast

from paddle_otel.guard import attempt
from paddle_otel.operations.generation import Generation
from paddle_otel.operations.tensors import array_of, is_on_host
from paddle_otel.pretrained.generate_arguments import GenerateArguments

# A tensor gives its content as a whole only. Up to this many ids that takes less time than an operator of Paddle that
# picks out their last column, which takes the same time however many there are.
_MOST_IDS_COPIED: Final = 2**15


class DecodeSteps:
    """Tells a generation of each decode step of one ``generate`` call.

    Args:
        generation: The generation that the call is, or is a part of.
        sequences: How many sequences the call returns, if known.
        limit: The most tokens of one sequence, if known.
        rows: Tells which sequences go on, where that can be seen. Of a single one only when there is not enough for
            another step: the ids are not looked at before.
        is_single: Whether each step makes exactly one token.
    """

    __slots__ = ("_generation", "_is_single", "_limit", "_rows", "_sequences", "_steps", "_stopped_after")

    def __init__(
        self,
        generation: Generation,
        sequences: int | None = None,
        limit: int | None = None,
        rows: "LivingRows | None" = None,
        *,
        is_single: bool = False,
    ) -> None:
        self._generation = generation
        self._sequences = sequences
        self._limit = limit
        self._rows = rows
        self._is_single = is_single
        self._steps = 0
        self._stopped_after: int | None = None

    @classmethod
    def of(cls, generation: Generation, arguments: GenerateArguments) -> "DecodeSteps":
        """Return what tells the generation of the steps of a call with these arguments."""
        sequences = arguments.rows * arguments.choices
        if arguments.strategy == "beam_search":  # which beams will be returned is not known before the end
            return cls(generation, sequences, arguments.max_new_tokens)
        rows = LivingRows(arguments.end_ids) if generation.has_budget else None
        return cls(generation, sequences, arguments.max_new_tokens, rows, is_single=sequences == 1)

    @property
    def stopped_after(self) -> int | None:
        """The step after which a budget ended the call, ``None`` where none did."""
        return self._stopped_after

    def step(self, ids: Any) -> bool:
        """Note a step.

        Args:
            ids: All ids so far, a row per sequence.

        Returns:
            Whether to stop here.
        """
        made = 1 if self._is_single else None
        if not self._generation.has_budget:
            return self._generation.step(made)
        self._steps += 1
        upcoming, has_ended = self._sequences, None
        if self._is_single:
            has_ended = partial(self._has_ended, ids)
        else:
            made, upcoming = self._counted(ids) or (made, upcoming)
        if self._limit is not None and self._steps >= self._limit:
            upcoming = 0
        stops = self._generation.step(made, upcoming, has_ended)
        self._stopped_after = self._steps if stops else None
        return stops

    def _counted(self, ids: Any) -> tuple[int, int] | None:
        return None if self._rows is None else attempt("counting the rows that go on", self._rows.step, ids)

    def _has_ended(self, ids: Any) -> bool:
        counted = self._counted(ids)
        return counted is not None and counted[1] == 0


class LivingRows:
    """Counts which rows of a batch go on; a row that has ended makes no more tokens.

    Only where the ids are in host memory: nothing is ever copied from a device.

    Args:
        end_ids: Ids that end a row.
    """

    __slots__ = ("_end_ids", "_living")

    def __init__(self, end_ids: frozenset[int]) -> None:
        self._end_ids = end_ids
        self._living: Sequence[int] | None = None

    def step(self, ids: Any) -> tuple[int, int] | None:
        """Look at the tokens of a step.

        Args:
            ids: All ids so far, a row per sequence.

        Returns:
            How many tokens the step made and how many rows go on; ``None`` where the ids are on a device.
        """
        if not is_on_host(ids):
            return None
        newest = _last_column(ids)
        living = range(len(newest)) if self._living is None else self._living
        self._living = [row for row in living if newest[row] not in self._end_ids]
        return len(living), len(self._living)


def _last_column(ids: Any) -> list[int]:
    """Return the newest id of each row; the caller's tensor stays as it is, also where it keeps track of gradients."""
    if hasattr(ids, "place") and ids.shape[0] * ids.shape[1] > _MOST_IDS_COPIED:
        return cast("list[int]", ids.detach()[:, -1].contiguous().numpy().tolist())
    return cast("list[int]", array_of(ids)[:, -1].tolist())
