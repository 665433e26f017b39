"""What is remembered of a loaded program: its name, on every device that it ran on."""

from typing import Any, Final

from paddle_otel.inference.predictor_config import PredictorOrigin
from paddle_otel.inference.static_places import place_name
from paddle_otel.operations.model_naming import ModelNaming
from paddle_otel.operations.predicted_model import PredictedModel


class NamedModel:
    """A model as its predictions report it, made once for each device.

    Args:
        kind: One of the ``KIND_*`` values of :mod:`paddle_otel.conventions.attributes`.
        naming: What it was loaded as, ``None`` when nobody saw it being loaded.

    Attributes:
        anywhere: The model without its device, which metrics do not tell.
    """

    __slots__ = ("_at_last_place", "_by_device", "_kind", "_naming", "anywhere")

    def __init__(self, kind: str, naming: ModelNaming | None) -> None:
        self._kind: Final = kind
        self._naming: Final = naming
        self._by_device: dict[str | None, PredictedModel] = {}
        self.anywhere: Final = self.on(None)
        self._at_last_place: tuple[Any, PredictedModel] = (None, self.anywhere)

    def on(self, device: str | None) -> PredictedModel:
        """Return the model as it runs on a device, ``None`` for one that is not known."""
        model = self._by_device.get(device)
        if model is None:
            model = self._by_device[device] = self._made_for(device)
        return model

    def at(self, place: Any) -> PredictedModel:
        """Return the model as it runs at one of Paddle's places, ``None`` for one that is not known."""
        last, model = self._at_last_place
        if place is not last:  # the name of a place takes as long as all else about a short run
            model = self.on(place_name(place))
            self._at_last_place = (place, model)
        return model

    def origin(self, device: str | None) -> PredictorOrigin:
        """Return what is known of the program, for a run that generates."""
        if self._naming is None:
            return PredictorOrigin(device=device)
        return PredictorOrigin(self._naming.name, device, self._naming.attributes)

    def _made_for(self, device: str | None) -> PredictedModel:
        if self._naming is None:
            return PredictedModel(None, self._kind, device=device)
        return PredictedModel(self._naming.name, self._kind, device=device, attributes=self._naming.attributes)
