"""A model as it runs at one of Paddle's places."""

from paddle_otel.conventions import attributes as a
from paddle_otel.inference.jit_static_models import NamedModel
from paddle_otel.operations.model_naming import ModelNaming


class Place:
    """A place as Paddle has them: told by its text alone."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __str__(self) -> str:
        """Write it as Paddle does."""
        return f"Place({self._name})"


def test_each_place_is_a_device_of_its_own() -> None:
    """Whichever was asked for last; the model of one device is one object, also where the place is another object."""
    model = NamedModel(a.KIND_STATIC_PROGRAM, ModelNaming("net"))
    first, second, again = Place("gpu:0"), Place("gpu:1"), Place("gpu:0")
    assert [model.at(place).device for place in (first, first, second, first, None, again)] == [
        "gpu:0",
        "gpu:0",
        "gpu:1",
        "gpu:0",
        None,
        "gpu:0",
    ]
    assert model.at(first) is model.at(again) is model.on("gpu:0")
    assert model.at(None) is model.anywhere
    assert {model.at(place).name for place in (first, second, None)} == {"net"}
