"""What a rule found."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that a person should look at.

    Attributes:
        name: The name of its event, as the conventions have it.
        attributes: What is known about it.
        timestamp: When it was seen, ``time.time_ns()``.
        claim: The name of the device where all processes of the host see the same, so that one of them tells it;
            ``None`` for what concerns this process alone.
    """

    name: str
    attributes: Mapping[str, str | int | float]
    timestamp: int
    claim: str | None = None
