"""Remembers what does not change about a model: what it was loaded as, and the shape of its key-value cache."""

import weakref
from collections.abc import Callable, Iterable
from typing import Any, cast

from paddle_otel.conventions import attributes as a
from paddle_otel.operations.predicted_model import PredictedModel
from paddle_otel.pretrained.forward_inputs import parameter_names
from paddle_otel.pretrained.model_facts import (
    ParameterFacts,
    cache_elements_per_position,
    configured_name,
    parameter_facts,
)


class KnownModel:
    """What is known about one model.

    Attributes:
        name: What it was loaded as, otherwise the name its configuration carries, ``None`` when there is neither.
        cache_elements: Numbers that its key-value cache holds per position of one row, ``None`` when not known.
    """

    __slots__ = ("_parameter_names", "_predicted", "cache_elements", "name")

    def __init__(self, model: Any) -> None:
        self.name = configured_name(model)
        self.cache_elements = cache_elements_per_position(model)
        self._parameter_names: dict[str, tuple[str, ...]] = {}
        self._predicted: dict[tuple[str | None, ParameterFacts, bool], PredictedModel] = {}

    def parameter_names(self, model: Any, method: str) -> tuple[str, ...]:
        """Return the names of the parameters of one of the model's methods, read off its class once."""
        names = self._parameter_names.get(method)
        if names is None:
            owner = cast("Any", type(model))
            names = self._parameter_names[method] = parameter_names(getattr(owner, method))
        return names

    def predicted(self, model: Any, *, embeddings: bool) -> PredictedModel:
        """Return the model as its predictions report it.

        Device and data type are read each time, for a few microseconds: ``model.to("gpu")`` changes them.

        Args:
            model: The model.
            embeddings: Whether it makes embeddings.
        """
        facts = parameter_facts(model)
        key = (self.name, facts, embeddings)
        found = self._predicted.get(key)
        if found is None:
            found = self._predicted[key] = PredictedModel(
                self.name,
                a.KIND_PRETRAINED_MODEL,
                device=facts.device,
                embeddings=embeddings,
                attributes={a.PADDLE_DTYPE: facts.dtype} if facts.dtype else {},
            )
        return found


class KnownModels:
    """All models that were loaded or called; a model that is gone is forgotten."""

    def __init__(self) -> None:
        self._models: weakref.WeakKeyDictionary[Any, KnownModel] = weakref.WeakKeyDictionary()

    def loaded(self, model: Any, name: str) -> None:
        """Note what a model was loaded as, and the models that it is made of with it."""
        self.of(model).name = name
        sublayers: Callable[[], Iterable[Any]] = getattr(model, "sublayers", tuple)
        for part in sublayers():
            # Some layers have a configuration, too; only models can be loaded.
            if hasattr(part, "from_pretrained") and self.of(part).name is None:
                self.of(part).name = name

    def of(self, model: Any) -> KnownModel:
        """Return what is known about a model, read off it at first sight."""
        known = self._models.get(model)
        if known is None:
            known = self._models[model] = KnownModel(model)
        return known
