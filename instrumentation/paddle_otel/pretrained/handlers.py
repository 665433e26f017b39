"""What the wrappers of one instrumentor share."""

from dataclasses import dataclass, field

from paddle_otel.operations.generation_metrics import GenerationMetrics
from paddle_otel.operations.model_load import ModelLoads
from paddle_otel.operations.pipeline import Pipelines
from paddle_otel.operations.prediction import Predictions
from paddle_otel.operations.prompts import PromptLedger
from paddle_otel.operations.telemetry import Telemetry
from paddle_otel.operations.tokenizer_call import TokenizerCalls
from paddle_otel.pretrained.known_models import KnownModels


@dataclass(frozen=True)
class Handlers:
    """Where the wrappers of one instrumentor report to.

    Attributes:
        telemetry: Tracer and meter.
        generations: Metrics of ``generate``.
        tokenizers: Tokenizer calls.
        loads: Model and tokenizer loads.
        predictions: Forwards that generate nothing.
        pipelines: Calls of pipelines.
        prompts: Which ids came from which tokenizer call.
        models: What is known about each model.
    """

    telemetry: Telemetry
    generations: GenerationMetrics
    tokenizers: TokenizerCalls
    loads: ModelLoads
    predictions: Predictions
    pipelines: Pipelines
    prompts: PromptLedger = field(default_factory=PromptLedger)
    models: KnownModels = field(default_factory=KnownModels)

    @classmethod
    def on(cls, telemetry: Telemetry) -> "Handlers":
        """Create the instruments on a telemetry."""
        return cls(
            telemetry=telemetry,
            generations=telemetry.meters.shared(GenerationMetrics),
            tokenizers=TokenizerCalls(telemetry),
            loads=ModelLoads(telemetry),
            predictions=Predictions(telemetry),
            pipelines=Pipelines(telemetry),
        )
