"""What the wrappers of this instrumentor share."""

from dataclasses import dataclass

from paddle_otel.operations.model_load import ModelLoads
from paddle_otel.operations.pipeline import Pipelines
from paddle_otel.operations.telemetry import Telemetry
from paddle_otel.paddlex.pipeline_parts import PipelineParts
from paddle_otel.pretrained.handlers import Handlers


@dataclass(frozen=True)
class PaddleXHandlers:
    """Where the wrappers report to.

    Attributes:
        telemetry: Tracer and instruments.
        pipelines: Calls of pipelines and single models.
        loads: Loads of pipelines.
        parts: The models that belong to a pipeline.
        networks: Where models report to that PaddleX runs as networks.
    """

    telemetry: Telemetry
    pipelines: Pipelines
    loads: ModelLoads
    parts: PipelineParts
    networks: Handlers

    @classmethod
    def on(cls, telemetry: Telemetry) -> "PaddleXHandlers":
        """Create the instruments on a telemetry."""
        return cls(
            telemetry=telemetry,
            pipelines=Pipelines(telemetry),
            loads=ModelLoads(telemetry),
            parts=PipelineParts(),
            networks=Handlers.on(telemetry),
        )
