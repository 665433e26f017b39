"""Remembers the layers that were loaded from a program."""

import sys
from collections.abc import Sequence
from typing import Any, Final

from paddle_otel.conventions import attributes as a
from paddle_otel.inference.exported_generation import is_generation_program
from paddle_otel.inference.jit_static_models import NamedModel
from paddle_otel.inference.program_inputs import text_inputs
from paddle_otel.operations.model_naming import ModelNaming
from paddle_otel.operations.predicted_model import PredictedModel
from paddle_otel.weak_identity import WeakIdentityMap


class KnownLayer:
    """What is known about one layer.

    Attributes:
        model: Its name, by device.
        input_names: Names of its inputs in the program, in their order.
        text: Where it takes tokenised text.
        generates: Whether a call generates a whole answer.
    """

    __slots__ = ("generates", "input_names", "model", "text")

    def __init__(self, layer: Any, naming: ModelNaming | None) -> None:
        self.model: Final = NamedModel(a.KIND_JIT_LAYER, naming)
        self.input_names: Final = _input_names(layer)
        self.text: Final = text_inputs(self.input_names)
        self.generates: Final = is_generation_program(self.input_names)

    def model_here(self) -> PredictedModel:
        """Return the model where it runs: on the current device, wherever the layer was loaded."""
        return self.model.on(current_device())


class KnownLayers:
    """All layers that were loaded or called; a layer that is gone is forgotten.

    Attributes:
        seen: What is known about them.
    """

    def __init__(self) -> None:
        self.seen: Final[WeakIdentityMap[KnownLayer]] = WeakIdentityMap()

    def loaded(self, layer: Any, naming: ModelNaming) -> None:
        """Note what a layer was loaded as."""
        self.seen.keep(layer, KnownLayer(layer, naming))

    def read(self, layer: Any) -> KnownLayer:
        """Return what is known about a layer at its first call, without a name: nobody saw it being loaded."""
        return self.seen.keep(layer, KnownLayer(layer, None))


def current_device() -> str:
    """Return the device that Paddle computes on, as it writes it."""
    device: str = sys.modules["paddle"].device.get_device()
    return device


def _input_names(layer: Any) -> Sequence[str]:
    # The layer has no public way to tell; without names a prediction only says less.
    specifications = getattr(layer, "_input_spec", None)
    if specifications is None or "forward" not in getattr(layer, "_program_holder_dict", ()):
        return ()
    return tuple(str(one.name) for one in specifications())
