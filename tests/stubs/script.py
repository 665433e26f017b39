"""What a stub model does when it generates."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from stubs.tensors import StubTensor


def _nothing(_: int) -> None:
    pass


@dataclass
class Script:
    """A generation that was decided beforehand.

    Attributes:
        ids: What is returned, a row per sequence, a column per step.
        on_step: Called with the step's number before the stopping criteria are, and may raise.
        place: Where the result is.
        criteria: The stopping criteria of the latest run.
        shown: The ids so far that they were asked about, one tensor a step.
    """

    ids: Any
    on_step: Callable[[int], None] = _nothing
    place: str = "cpu"
    criteria: list[Any] = field(default_factory=list[Any])
    shown: list[StubTensor] = field(default_factory=list[StubTensor])

    def __post_init__(self) -> None:
        self.result = (StubTensor(self.ids, self.place), StubTensor(np.zeros((len(self.ids), 1)), self.place))

    def run(self, criteria: Any, streamer: Any) -> tuple[StubTensor, StubTensor]:
        """Take the steps as the library does: token, streamer, criteria. A result that no criterion cut is prepared."""
        ids, scores = self.result
        self.criteria = criteria
        columns = ids.shape[1]
        for step in range(columns):
            self.on_step(step)
            if streamer is not None:
                streamer.put(step)
            self.shown.append(StubTensor(np.asarray(self.ids)[:, : step + 1], self.place))
            if criteria(self.shown[-1], scores) and step + 1 < columns:
                return StubTensor(np.asarray(self.ids)[:, : step + 1], self.place), scores
        if streamer is not None:
            streamer.end()
        return self.result
