"""What operations use of the GPUs of this process, told by whoever reads the hardware.

Nothing of the hardware is imported here: a program that only wants its tokens counted does not pay for it.
"""

from collections.abc import Callable, Mapping
from typing import Final, Protocol

from opentelemetry.util.types import AttributeValue


class Use(Protocol):
    """One operation, from its start to :meth:`end`."""

    def end(self) -> Mapping[str, AttributeValue]:
        """End the operation now; return what it used as span attributes, only what is known."""
        ...


class ResourceUse:
    """Asks the one who knows what operations use, while there is one.

    Attributes:
        is_told: Whether there is one. Short operations look here first: a question costs more than a look.
    """

    def __init__(self) -> None:
        self._begin: Callable[[object], Use | None] | None = None
        self.is_told = False

    def tell_by(self, begin: Callable[[object], Use | None] | None) -> None:
        """Name the one who knows.

        Args:
            begin: Begins an operation on a device as Paddle writes it; ``None`` when nobody knows any more.
        """
        self._begin = begin
        self.is_told = begin is not None

    def begin(self, device: object) -> Use | None:
        """Begin an operation now. The outermost one only: what is inside it is part of it.

        Args:
            device: Where it runs, as Paddle writes it (``gpu:0``).

        Returns:
            The operation; keep it, and call its ``end``. ``None`` when nobody will know what it uses.
        """
        begin = self._begin
        return begin(device) if begin is not None else None


RESOURCE_USE: Final = ResourceUse()
"""What every kind of operation asks: ``use = RESOURCE_USE.begin("gpu:0")`` at its start, ``use.end()`` at its end."""
