"""Names the devices that executors run on."""

from typing import Any


def place_name(place: Any) -> str | None:
    """Return a place as Paddle writes devices (``cpu``, ``gpu:0``), ``None`` for no place."""
    return None if place is None else str(place).removeprefix("Place(").removesuffix(")")
