"""A model as its predictions report it, and what is known of each of them."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

from opentelemetry.util.types import AttributeValue

from paddle_otel.conventions import attributes as a
from paddle_otel.conventions import spans

NO_ATTRIBUTES: Final[Mapping[str, AttributeValue]] = MappingProxyType({})


class PredictedModel:
    """A model as its predictions report it; made once per model, not once per prediction.

    Args:
        name: What it was loaded as; ``None`` when nobody saw it being loaded.
        kind: One of the ``KIND_*`` values of :mod:`paddle_otel.conventions.attributes`.
        device: Where it runs, as Paddle writes it (``cpu``, ``gpu:0``), if known.
        embeddings: Whether it is known to make embeddings.
        attributes: More span attributes, the same for every prediction.
    """

    __slots__ = ("attributes", "device", "embeddings", "labels", "name", "span_name")

    def __init__(
        self,
        name: str | None,
        kind: str,
        *,
        device: str | None = None,
        embeddings: bool = False,
        attributes: Mapping[str, AttributeValue] = NO_ATTRIBUTES,
    ) -> None:
        self.name: Final = name
        self.device: Final = device
        self.embeddings: Final = embeddings
        self.labels: Final = {a.PADDLE_MODEL_NAME: name or a.MODEL_UNKNOWN, a.PADDLE_MODEL_KIND: kind}
        self.span_name: Final = (
            spans.generation(a.OPERATION_EMBEDDINGS, name) if embeddings else spans.predict(name or a.MODEL_UNKNOWN)
        )
        found: dict[str, AttributeValue] = {**attributes, **self.labels}
        if device:
            found[a.PADDLE_DEVICE] = device
        if embeddings:
            found[a.GEN_AI_OPERATION_NAME] = a.OPERATION_EMBEDDINGS
            found[a.GEN_AI_PROVIDER_NAME] = a.PROVIDER_PADDLEPADDLE
            if name:
                found[a.GEN_AI_REQUEST_MODEL] = name
        self.attributes: Final[Mapping[str, AttributeValue]] = found


class PredictionFacts(NamedTuple):
    """What is known of every prediction; ``None`` is unknown.

    Attributes:
        batch_size: Rows it was given.
        input_tokens: Tokens it was given, padding excluded.
    """

    batch_size: int | None = None
    input_tokens: int | None = None
