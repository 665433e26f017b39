"""What a sampler reads."""

from typing import Protocol, TypeVar

Readings_co = TypeVar("Readings_co", covariant=True)


class Source(Protocol[Readings_co]):
    """One kind of device, read as a whole once per interval.

    Creating a source touches nothing; the first :meth:`read` opens what it needs. Both methods are called on the
    sampler's thread only, never two at a time. After a ``fork`` the child gets a new source.
    """

    @property
    def name(self) -> str:
        """The key of its readings in a snapshot; also names it in log lines."""
        ...

    def read(self) -> Readings_co | None:
        """Return immutable readings, ``None`` when there are none now.

        May raise any ``Exception``: the other sources are read all the same and the trouble is logged once.
        """
        ...

    def close(self) -> None:
        """Give back what :meth:`read` opened; a later :meth:`read` opens it again."""
        ...
