"""Metrics of generations, tokenizers, predictions, pipelines and model loads.

Bucket bounds of the ``gen_ai.*`` metrics are those the semantic conventions advise (v1.41.1,
``docs/gen-ai/gen-ai-metrics.md``); time per output token has extra low bounds from 1 ms because small local models are
faster than the 10 ms at which the advised bounds start.
"""

from typing import Final

from paddle_otel.conventions import attributes as a
from paddle_otel.conventions.metric import Metric

_SECONDS: Final = (0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92)
_TOKENS: Final = (
    1, 4, 16, 64, 256, 1024, 4096, 16384, 65536, 262144, 1048576, 4194304, 16777216, 67108864,
)  # fmt: skip
_FIRST_TOKEN_SECONDS: Final = (
    0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0,
)  # fmt: skip
_PER_TOKEN_SECONDS: Final = (
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0, 2.5,
)  # fmt: skip
_TOKENIZER_SECONDS: Final = (
    0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0,
)  # fmt: skip
_LOAD_SECONDS: Final = (0.01, 0.05, 0.1, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0)

_PREDICTION_SECONDS: Final = (
    0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0,
)  # fmt: skip
_PIPELINE_SECONDS: Final = (
    0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0,
)  # fmt: skip
_ROWS: Final = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)

_GENERATION: Final = (
    a.GEN_AI_OPERATION_NAME,
    a.GEN_AI_PROVIDER_NAME,
    a.GEN_AI_REQUEST_MODEL,
    a.GEN_AI_RESPONSE_MODEL,
    a.PADDLE_TENANT_ID,
)

CLIENT_OPERATION_DURATION: Final = Metric(
    "gen_ai.client.operation.duration",
    "histogram",
    "s",
    "How long a generation, or a call that made embeddings, took, failed ones included.",
    (*_GENERATION, a.ERROR_TYPE),
    _SECONDS,
)
CLIENT_TOKEN_USAGE: Final = Metric(
    "gen_ai.client.token.usage",
    "histogram",
    "{token}",
    "Tokens a generation read (padding excluded) and wrote (through the first end-of-sequence token).",
    (*_GENERATION, a.GEN_AI_TOKEN_TYPE),
    _TOKENS,
)

# The names that replace the two above in the GenAI conventions after v1.41 (a separate repository since v1.42).
CLIENT_INFERENCE_DURATION: Final = Metric(
    "gen_ai.client.inference.duration",
    "histogram",
    "s",
    "How long a generation, or a call that made embeddings, took, failed ones included.",
    (*_GENERATION, a.ERROR_TYPE),
    _SECONDS,
)
CLIENT_INFERENCE_INPUT_TOKENS: Final = Metric(
    "gen_ai.client.inference.operation.input_tokens",
    "histogram",
    "{token}",
    "Tokens a generation read, padding excluded.",
    _GENERATION,
    _TOKENS,
)
CLIENT_INFERENCE_OUTPUT_TOKENS: Final = Metric(
    "gen_ai.client.inference.operation.output_tokens",
    "histogram",
    "{token}",
    "Tokens a generation wrote, through the first end-of-sequence token.",
    _GENERATION,
    _TOKENS,
)
CLIENT_INFERENCE_USAGE_INPUT_TOKENS: Final = Metric(
    "gen_ai.client.inference.usage.input_tokens",
    "counter",
    "{token}",
    "Tokens read so far, padding excluded.",
    (*_GENERATION, a.GEN_AI_TOKEN_MODALITY),
)
CLIENT_INFERENCE_USAGE_OUTPUT_TOKENS: Final = Metric(
    "gen_ai.client.inference.usage.output_tokens",
    "counter",
    "{token}",
    "Tokens written so far, through the first end-of-sequence token.",
    (*_GENERATION, a.GEN_AI_TOKEN_MODALITY),
)

SERVER_REQUEST_DURATION: Final = Metric(
    "gen_ai.server.request.duration",
    "histogram",
    "s",
    "How long the model worked on a generation, failed ones included.",
    (*_GENERATION, a.ERROR_TYPE),
    _SECONDS,
)
SERVER_TIME_TO_FIRST_TOKEN: Final = Metric(
    "gen_ai.server.time_to_first_token",
    "histogram",
    "s",
    "From the start of a generation to its first token, streamed or not.",
    _GENERATION,
    _FIRST_TOKEN_SECONDS,
)
SERVER_TIME_PER_OUTPUT_TOKEN: Final = Metric(
    "gen_ai.server.time_per_output_token",
    "histogram",
    "s",
    "Mean time between two tokens of a successful generation, after the first one.",
    _GENERATION,
    _PER_TOKEN_SECONDS,
)
REQUEST_ACTIVE: Final = Metric(
    "paddle.request.active",
    "observable_up_down_counter",
    "{request}",
    "Generations in flight.",
    (a.GEN_AI_OPERATION_NAME, a.GEN_AI_PROVIDER_NAME, a.GEN_AI_REQUEST_MODEL),
)
TOKENS: Final = Metric(
    "paddle.tokens",
    "observable_counter",
    "{token}",
    "Tokens read and written so far; grows while a single sequence is being generated.",
    (a.GEN_AI_TOKEN_TYPE, a.GEN_AI_REQUEST_MODEL, a.PADDLE_TENANT_ID),
)
KV_CACHE_SIZE: Final = Metric(
    "paddle.kv_cache.size",
    "observable_up_down_counter",
    "By",
    "Key-value cache of the generations in flight, from the model's configuration and the sequence lengths.",
    (a.GEN_AI_REQUEST_MODEL,),
)
TOKENIZER_DURATION: Final = Metric(
    "paddle.tokenizer.duration",
    "histogram",
    "s",
    "How long a tokenizer call took, failed ones included.",
    (a.PADDLE_TOKENIZER_CLASS, a.PADDLE_TOKENIZER_DIRECTION, a.ERROR_TYPE),
    _TOKENIZER_SECONDS,
)
TOKENIZER_TOKENS: Final = Metric(
    "paddle.tokenizer.tokens",
    "histogram",
    "{token}",
    "Tokens of a tokenizer call, padding excluded.",
    (a.PADDLE_TOKENIZER_CLASS, a.PADDLE_TOKENIZER_DIRECTION),
    _TOKENS,
)
PREDICTION_DURATION: Final = Metric(
    "paddle.prediction.duration",
    "histogram",
    "s",
    "How long one run of a model took that generates nothing, failed ones included.",
    (a.PADDLE_MODEL_NAME, a.PADDLE_MODEL_KIND, a.ERROR_TYPE),
    _PREDICTION_SECONDS,
)
PREDICTION_BATCH_SIZE: Final = Metric(
    "paddle.prediction.batch_size",
    "histogram",
    "{row}",
    "Rows that a prediction was given at once.",
    (a.PADDLE_MODEL_NAME, a.PADDLE_MODEL_KIND),
    _ROWS,
)
PIPELINE_DURATION: Final = Metric(
    "paddle.pipeline.duration",
    "histogram",
    "s",
    "How long a pipeline call worked, failed ones included; not the time between two results that are asked for.",
    (a.PADDLE_PIPELINE_NAME, a.PADDLE_PIPELINE_LIBRARY, a.ERROR_TYPE),
    _PIPELINE_SECONDS,
)
MODEL_LOAD_DURATION: Final = Metric(
    "paddle.model.load.duration",
    "histogram",
    "s",
    "How long loading a model or a tokenizer took, failed ones included.",
    (a.PADDLE_MODEL_NAME, a.PADDLE_MODEL_KIND, a.ERROR_TYPE),
    _LOAD_SECONDS,
)
MODEL_STATE: Final = Metric(
    "paddle.model.state",
    "observable_up_down_counter",
    "1",
    "How many models of this name and kind are in this state.",
    (a.PADDLE_MODEL_NAME, a.PADDLE_MODEL_KIND, a.PADDLE_MODEL_STATE),
)

ALL: Final = tuple(value for value in tuple(globals().values()) if isinstance(value, Metric))
