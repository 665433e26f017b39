"""The address space of this process and its limit (``ulimit -v``), beyond which it gets no memory."""

from collections.abc import Callable
from typing import Final, NamedTuple

from paddle_otel.hardware.procfs import content_or_none, whole_number

try:
    import resource
except ImportError:  # Windows
    resource = None

_STATM: Final = "/proc/self/statm"
_UNLIMITED_FROM: Final = 1 << 62
"""No machine has as much; systems write "no limit" in several ways."""


class AddressSpace(NamedTuple):
    """What is mapped and what may be, bytes."""

    used: int
    limit: int


def address_space() -> AddressSpace | None:
    """Return the address space, ``None`` where it has no limit or the kernel does not tell."""
    if resource is None:
        return None
    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    if limit == resource.RLIM_INFINITY or not 0 < limit < _UNLIMITED_FROM:
        return None
    words = (content_or_none(_STATM) or b"").split()
    pages = whole_number(words[0]) if words else None
    return None if pages is None else AddressSpace(pages * resource.getpagesize(), limit)


AskAddressSpace = Callable[[], AddressSpace | None]
