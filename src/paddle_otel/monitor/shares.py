"""What Paddle did between two samples, as parts of the time."""

from collections.abc import Mapping

from paddle_otel.activity import IDLE

Shares = tuple[tuple[str, float], ...]
"""Kinds of activity, each with its part (0 to 1) of the time; together 1."""


def grown(before: Mapping[str, int], now: Mapping[str, int]) -> dict[str, int]:
    """Return the nanoseconds by which each kind of activity has grown, those that have.

    Args:
        before: What there was, see :meth:`paddle_otel.activity.ActivityRecord.totals`.
        now: What there is.
    """
    return {kind: more for kind, total in now.items() if (more := total - before.get(kind, 0)) > 0}


def shares_between(before: Mapping[str, int], now: Mapping[str, int]) -> Shares:
    """Return the parts of the time between two totals.

    Args:
        before: The earlier one.
        now: The later one.
    """
    more = grown(before, now)
    passed = sum(more.values())
    return tuple((kind, ns / passed) for kind, ns in more.items()) if passed else ((IDLE, 1.0),)
