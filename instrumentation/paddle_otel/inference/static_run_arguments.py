"""Reads the arguments of ``Executor.run``."""

import sys
from collections.abc import Mapping, Sequence
from typing import Any, Final, cast

_NOTHING: Final[Mapping[str, Any]] = {}


class RunArguments:
    """The arguments of one run; only what is asked for is read.

    Args:
        args: By position.
        kwargs: By name.

    Attributes:
        given_program: The program as it was given, of whatever kind; ``None`` for the default one.
        feed: The inputs by name.
    """

    __slots__ = ("_fetch_list", "feed", "given_program")

    def __init__(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        given = len(args)
        self.given_program: Final[Any] = args[0] if given > 0 else kwargs.get("program")
        self._fetch_list: Final = args[2] if given > 2 else kwargs.get("fetch_list")  # noqa: PLR2004 - its position
        feed = args[1] if given > 1 else kwargs.get("feed")
        self.feed: Final[Mapping[str, Any]] = feed if isinstance(feed, dict) else _feed(feed)

    def program(self) -> Any:
        """Return the program that is run, ``None`` when the executor will refuse it."""
        program = self.given_program
        if hasattr(program, "global_block"):
            return program
        static = sys.modules["paddle"].static
        if program is None:
            return static.default_main_program()
        if isinstance(program, static.CompiledProgram):
            program = program._program  # noqa: SLF001 - it has no public way to tell
        return program if hasattr(program, "global_block") else None

    def has_inputs_and_outputs(self) -> bool:
        """Tell whether the run is given something and asked for something."""
        return bool(self.feed) and self._fetch_list is not None and bool(self._fetches())

    def output_names(self) -> Sequence[str]:
        """Name the outputs as they were asked for; those that have no name are left out."""
        return tuple(name for name in map(_name, self._fetches()) if name is not None)

    def _fetches(self) -> Sequence[Any]:
        fetches = self._fetch_list
        return cast("Sequence[Any]", fetches) if isinstance(fetches, (list, tuple)) else (fetches,)


def _feed(feed: Any) -> Mapping[str, Any]:
    # A list once held one mapping for each device; executors still take one of one.
    if isinstance(feed, (list, tuple)) and len(cast("Sequence[Any]", feed)) == 1:
        feed = cast("Sequence[Any]", feed)[0]
    return cast("Mapping[str, Any]", feed) if isinstance(feed, dict) else _NOTHING


def _name(fetched: Any) -> str | None:
    if isinstance(fetched, str):
        return fetched
    # Values of the newer format mostly have no name, and raise when they are asked for it.
    return fetched.name if isinstance(fetched, sys.modules["paddle"].static.Variable) else None
