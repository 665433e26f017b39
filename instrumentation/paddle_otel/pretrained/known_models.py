"""Remembers what does not change about a model: what it was loaded as, and the shape of its key-value cache."""

import weakref
from typing import Any

from paddle_otel.pretrained.model_facts import cache_elements_per_position, configured_name


class KnownModel:
    """What is known about one model.

    Attributes:
        name: What it was loaded as, otherwise the name its configuration carries, ``None`` when there is neither.
        cache_elements: Numbers that its key-value cache holds per position of one row, ``None`` when not known.
    """

    __slots__ = ("cache_elements", "name")

    def __init__(self, model: Any) -> None:
        self.name = configured_name(model)
        self.cache_elements = cache_elements_per_position(model)


class KnownModels:
    """All models that were loaded or called; a model that is gone is forgotten."""

    def __init__(self) -> None:
        self._models: weakref.WeakKeyDictionary[Any, KnownModel] = weakref.WeakKeyDictionary()

    def loaded(self, model: Any, name: str) -> None:
        """Note what a model was loaded as."""
        self.of(model).name = name

    def of(self, model: Any) -> KnownModel:
        """Return what is known about a model, read off it at first sight."""
        known = self._models.get(model)
        if known is None:
            known = self._models[model] = KnownModel(model)
        return known
