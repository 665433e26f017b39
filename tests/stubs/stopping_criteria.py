"""Stands in for ``generation.stopping_criteria``."""

from typing import Any


class StoppingCriteria:
    """Decides after each step whether to stop."""

    def __call__(self, input_ids: Any, logits: Any, **kwargs: Any) -> bool:
        """Decide."""
        raise NotImplementedError


class StoppingCriteriaList(list[Any]):
    """Stops as soon as one criterion says so; those behind it are not asked."""

    def __call__(self, input_ids: Any, scores: Any, **_: Any) -> bool:
        """Ask one after another."""
        return any(criteria(input_ids, scores) for criteria in self)

    @property
    def max_length(self) -> int | None:
        """The limit that one of them holds."""
        return next((criteria.max_length for criteria in self if hasattr(criteria, "max_length")), None)
