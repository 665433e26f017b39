"""One observed call each: start, tokens, stop or fail, then a span and metrics.

- :class:`~paddle_otel.operations.telemetry.Telemetry`: where spans and metrics go; made once per instrumentor.
- :class:`~paddle_otel.operations.generation.Generation`: one ``generate`` call.
- :class:`~paddle_otel.operations.tokenizer_call.TokenizerCalls`: tokenizer calls.
- :class:`~paddle_otel.operations.model_load.ModelLoads`: loading models and tokenizers.

Nothing in here knows Paddle: requests and responses are plain values that an instrumentation extracted.
"""
