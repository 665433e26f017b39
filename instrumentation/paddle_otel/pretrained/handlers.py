"""What the wrappers of one instrumentor share."""

import weakref
from dataclasses import dataclass, field
from typing import Any

from paddle_otel.operations.generation_metrics import GenerationMetrics
from paddle_otel.operations.model_load import ModelLoads
from paddle_otel.operations.prompts import PromptLedger
from paddle_otel.operations.telemetry import Telemetry
from paddle_otel.operations.tokenizer_call import TokenizerCalls


@dataclass(frozen=True)
class Handlers:
    """Where the wrappers of one instrumentor report to.

    Attributes:
        telemetry: Tracer and meter.
        generations: Metrics of ``generate``.
        tokenizers: Tokenizer calls.
        loads: Model and tokenizer loads.
        prompts: Which ids came from which tokenizer call.
        model_names: What each model was loaded as; a model that is gone is forgotten.
    """

    telemetry: Telemetry
    generations: GenerationMetrics
    tokenizers: TokenizerCalls
    loads: ModelLoads
    prompts: PromptLedger = field(default_factory=PromptLedger)
    model_names: "weakref.WeakKeyDictionary[Any, str]" = field(default_factory=weakref.WeakKeyDictionary[Any, str])

    @classmethod
    def on(cls, telemetry: Telemetry) -> "Handlers":
        """Create the instruments on a telemetry."""
        return cls(
            telemetry=telemetry,
            generations=GenerationMetrics(telemetry),
            tokenizers=TokenizerCalls(telemetry),
            loads=ModelLoads(telemetry),
        )
