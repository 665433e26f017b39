"""One observed call each: start, tokens, stop or fail, then a span and metrics.

A program reports its own operations, those that no instrumentor knows, with:

- :class:`~paddle_otel.operations.observe_generations.observe_generation`: a decode loop of its own;
- :func:`~paddle_otel.operations.observe_generations.observed_generation`: the one that this code is part of;
- :class:`~paddle_otel.operations.observe_predictions.observe_prediction`: one run of a model that generates nothing.

Each is a ``with`` block or a decorator, and does nothing while there is no OpenTelemetry SDK.

Instrumentors report what they see of a library with:

- :class:`~paddle_otel.operations.telemetry.Telemetry`: where spans and metrics go; made once per instrumentor.
- :class:`~paddle_otel.operations.generation.Generation`: one ``generate`` call.
- :class:`~paddle_otel.operations.prediction.Predictions`: runs of models that generate nothing.
- :class:`~paddle_otel.operations.pipeline.Pipelines`: calls of pipelines.
- :class:`~paddle_otel.operations.tokenizer_call.TokenizerCalls`: tokenizer calls.
- :class:`~paddle_otel.operations.model_load.ModelLoads`: loading models and tokenizers.

Nothing in here knows Paddle: requests and responses are plain values.
"""

from paddle_otel.operations.observe_generations import ObservedGeneration, observe_generation, observed_generation
from paddle_otel.operations.observe_predictions import ObservedPrediction, observe_prediction

__all__ = [
    "ObservedGeneration",
    "ObservedPrediction",
    "observe_generation",
    "observe_prediction",
    "observed_generation",
]
