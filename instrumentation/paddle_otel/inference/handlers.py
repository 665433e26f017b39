"""What the wrappers of this instrumentor share."""

from dataclasses import dataclass

from paddle_otel.operations.generation_metrics import GenerationMetrics
from paddle_otel.operations.model_load import ModelLoads
from paddle_otel.operations.prediction import Predictions
from paddle_otel.operations.telemetry import Telemetry


@dataclass(frozen=True)
class InferenceHandlers:
    """Where the wrappers report to.

    Attributes:
        telemetry: Tracer and instruments.
        predictions: Runs of programs that generate nothing.
        generations: Metrics of programs that generate token ids.
        loads: Loads of programs.
    """

    telemetry: Telemetry
    predictions: Predictions
    generations: GenerationMetrics
    loads: ModelLoads

    @classmethod
    def on(cls, telemetry: Telemetry) -> "InferenceHandlers":
        """Create the instruments on a telemetry."""
        return cls(
            telemetry=telemetry,
            predictions=Predictions(telemetry),
            generations=telemetry.meters.shared(GenerationMetrics),
            loads=ModelLoads(telemetry),
        )
