"""On which GPUs operations of this process run, for those who read the GPUs.

Which processes are on a GPU takes a driver long to say. So it is asked at every reading only while somebody wants to
know it for sure.
"""

import weakref
from collections.abc import Callable
from typing import Final


class GpusInUse:
    """Asks everybody who runs operations on GPUs; any thread may call any method."""

    def __init__(self) -> None:
        self._askable: tuple[weakref.WeakMethod[Callable[[int], bool]], ...] = ()

    def ask(self, runs_on: Callable[[int], bool]) -> None:
        """Ask this from now on, as long as its object lives.

        Args:
            runs_on: A bound method: whether operations run on the GPU of a CUDA ordinal. It must not wait.
        """
        living = (one for one in self._askable if one() is not None)
        self._askable = (*living, weakref.WeakMethod(runs_on))

    def covers(self, ordinal: int | None) -> bool:
        """Whether operations run on a GPU.

        Args:
            ordinal: Its CUDA ordinal in this process; ``None`` when it is not known.
        """
        if ordinal is None:
            return False
        return any(runs_on(ordinal) for one in self._askable if (runs_on := one()) is not None)


IN_USE: Final = GpusInUse()
"""Those of this process."""
