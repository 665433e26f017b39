"""The models that were created by a pipeline, for itself."""

from typing import Any
from weakref import WeakSet

from paddle_otel.guard import guard


class PipelineParts:
    """Remembers, without keeping them alive, the models that a pipeline created.

    A pipeline may call them from threads of its own, where nothing tells that a pipeline is at work.
    """

    def __init__(self) -> None:
        self._models: WeakSet[Any] = WeakSet()

    def add(self, model: Any) -> None:
        """Note that a model belongs to a pipeline."""
        with guard("remembering a pipeline's model"):
            self._models.add(model)

    def __contains__(self, model: object) -> bool:
        """Tell whether a model belongs to a pipeline."""
        with guard("looking for a pipeline's model"):
            return model in self._models
        return False
