"""Attribute keys and well-known attribute values."""

from typing import Final

# GenAI semantic conventions.
GEN_AI_OPERATION_NAME: Final = "gen_ai.operation.name"
GEN_AI_PROVIDER_NAME: Final = "gen_ai.provider.name"
GEN_AI_REQUEST_MODEL: Final = "gen_ai.request.model"
GEN_AI_REQUEST_MAX_TOKENS: Final = "gen_ai.request.max_tokens"
GEN_AI_REQUEST_TEMPERATURE: Final = "gen_ai.request.temperature"
GEN_AI_REQUEST_TOP_P: Final = "gen_ai.request.top_p"
GEN_AI_REQUEST_TOP_K: Final = "gen_ai.request.top_k"
GEN_AI_REQUEST_CHOICE_COUNT: Final = "gen_ai.request.choice.count"
GEN_AI_REQUEST_STREAM: Final = "gen_ai.request.stream"
GEN_AI_REQUEST_SEED: Final = "gen_ai.request.seed"
GEN_AI_RESPONSE_MODEL: Final = "gen_ai.response.model"
GEN_AI_RESPONSE_FINISH_REASONS: Final = "gen_ai.response.finish_reasons"
GEN_AI_RESPONSE_TIME_TO_FIRST_CHUNK: Final = "gen_ai.response.time_to_first_chunk"
GEN_AI_USAGE_INPUT_TOKENS: Final = "gen_ai.usage.input_tokens"
GEN_AI_USAGE_OUTPUT_TOKENS: Final = "gen_ai.usage.output_tokens"
GEN_AI_TOKEN_TYPE: Final = "gen_ai.token.type"  # noqa: S105 - an attribute name, not a secret
GEN_AI_TOKEN_MODALITY: Final = "gen_ai.token.modality"  # noqa: S105 - an attribute name, not a secret
ERROR_TYPE: Final = "error.type"

PROVIDER_PADDLEPADDLE: Final = "paddlepaddle"
OPERATION_CHAT: Final = "chat"
OPERATION_TEXT_COMPLETION: Final = "text_completion"
TOKEN_TYPE_INPUT: Final = "input"  # noqa: S105 - a token type, not a secret
TOKEN_TYPE_OUTPUT: Final = "output"  # noqa: S105 - a token type, not a secret
MODALITY_TEXT: Final = "text"
FINISH_STOP: Final = "stop"
FINISH_LENGTH: Final = "length"
FINISH_ERROR: Final = "error"
ERROR_TYPE_OTHER: Final = "_OTHER"

# Own attributes of generations.
PADDLE_BATCH_SIZE: Final = "paddle.batch_size"
PADDLE_SEQUENCES_OUTPUT_TOKENS: Final = "paddle.sequences.output_tokens"
PADDLE_DECODE_STRATEGY: Final = "paddle.decode_strategy"
PADDLE_NUM_BEAMS: Final = "paddle.num_beams"
PADDLE_DEVICE: Final = "paddle.device"
PADDLE_DTYPE: Final = "paddle.dtype"
PADDLE_TIME_TO_FIRST_TOKEN: Final = "paddle.time_to_first_token"  # noqa: S105 - a duration
PADDLE_TIME_PER_OUTPUT_TOKEN: Final = "paddle.time_per_output_token"  # noqa: S105 - a duration
PADDLE_KV_CACHE_SIZE: Final = "paddle.kv_cache.size"
PADDLE_TOKENIZE_DURATION: Final = "paddle.tokenize.duration"

# Own attributes of tokenizer calls and model loads.
PADDLE_TOKENIZER_CLASS: Final = "paddle.tokenizer.class"
PADDLE_TOKENIZER_DIRECTION: Final = "paddle.tokenizer.direction"
PADDLE_TOKENIZER_TOKENS: Final = "paddle.tokenizer.tokens"
PADDLE_MODEL_NAME: Final = "paddle.model.name"
PADDLE_MODEL_CLASS: Final = "paddle.model.class"
PADDLE_MODEL_KIND: Final = "paddle.model.kind"
PADDLE_MODEL_STATE: Final = "paddle.model.state"

DIRECTION_ENCODE: Final = "encode"
DIRECTION_DECODE: Final = "decode"
KIND_PRETRAINED_MODEL: Final = "pretrained_model"
KIND_TOKENIZER: Final = "tokenizer"
STATE_LOADING: Final = "loading"
STATE_READY: Final = "ready"
STATE_FAILED: Final = "failed"
STATE_UNLOADED: Final = "unloaded"

# Hardware semantic conventions.
HW_ID: Final = "hw.id"
HW_NAME: Final = "hw.name"
HW_MODEL: Final = "hw.model"
HW_VENDOR: Final = "hw.vendor"
HW_DRIVER_VERSION: Final = "hw.driver_version"
HW_TYPE: Final = "hw.type"
HW_PARENT: Final = "hw.parent"
HW_SENSOR_LOCATION: Final = "hw.sensor_location"
HW_GPU_TASK: Final = "hw.gpu.task"

HW_TYPE_GPU: Final = "gpu"
HW_VENDOR_NVIDIA: Final = "NVIDIA"
GPU_TASK_GENERAL: Final = "general"
GPU_TASK_ENCODER: Final = "encoder"
GPU_TASK_DECODER: Final = "decoder"
SENSOR_LOCATION_GPU: Final = "gpu"
SENSOR_LOCATION_MEMORY: Final = "memory"

# Resource attributes of the detector "paddle".
PADDLE_VERSION: Final = "paddle.version"
PADDLE_COMPILED_WITH: Final = "paddle.compiled_with"
PADDLE_RANK: Final = "paddle.rank"
PADDLE_LOCAL_RANK: Final = "paddle.local_rank"
PADDLE_WORLD_SIZE: Final = "paddle.world_size"
PADDLE_JOB_ID: Final = "paddle.job.id"
