"""What a library calls the model that it is loading, for those who see only the program that it loads it from."""

from collections.abc import Mapping
from contextvars import ContextVar
from types import MappingProxyType
from typing import Final, NamedTuple

from opentelemetry.util.types import AttributeValue


class ModelNaming(NamedTuple):
    """What every prediction of a model is to carry.

    Attributes:
        name: The model's name in its library's words.
        attributes: More span attributes, for instance the module that it is in its pipeline.
    """

    name: str
    attributes: Mapping[str, AttributeValue] = MappingProxyType({})


_naming: Final[ContextVar[ModelNaming | None]] = ContextVar("paddle_otel_model_naming", default=None)


def model_naming() -> ContextVar[ModelNaming | None]:
    """Return the variable that names the model being loaded, ``None`` when its program's path names it."""
    return _naming
