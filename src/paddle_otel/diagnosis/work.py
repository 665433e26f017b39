"""What the program's own work has to do with its hardware, told by whoever observes the work."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

from paddle_otel.guard import attempt


class CacheUse(NamedTuple):
    """The key-value caches of all requests in flight on one device.

    Attributes:
        now: Their size, bytes.
        predicted: Their size when each request runs to its limit of tokens, bytes.
    """

    now: int
    predicted: int


TokensByModel = Mapping[str | None, int]
CachesByDevice = Mapping[str, CacheUse]

_NO_CACHES: Final[CachesByDevice] = MappingProxyType({})


class Work:
    """Asks those who observe the work, while there are any."""

    def __init__(self) -> None:
        self._output_tokens: Callable[[], TokensByModel | None] | None = None
        self._caches: Callable[[], CachesByDevice] | None = None

    def tell_by(
        self,
        output_tokens: Callable[[], TokensByModel | None] | None = None,
        caches: Callable[[], CachesByDevice] | None = None,
    ) -> None:
        """Name those who know; both are called on the sampler's thread and must not wait for long.

        Args:
            output_tokens: Returns how many tokens each model has written since the process began, those of requests in
                flight included; ``None`` when nobody knows now.
            caches: Returns the caches of the requests in flight by device, as Paddle writes it (``gpu:0``, ``cpu``);
                ``None`` when nobody knows.
        """
        self._output_tokens = output_tokens
        self._caches = caches

    def output_tokens(self) -> TokensByModel | None:
        """Return the tokens written so far by model, ``None`` when nobody knows now."""
        return None if self._output_tokens is None else attempt("counting the tokens so far", self._output_tokens)

    def caches(self) -> CachesByDevice:
        """Return the caches of requests in flight by device; none when nobody knows."""
        if self._caches is None:
            return _NO_CACHES
        return attempt("asking for the caches of requests in flight", self._caches) or _NO_CACHES


WORK: Final = Work()
"""The work of this process."""
