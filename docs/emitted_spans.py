"""The kinds of spans and their attributes, for the pages that list what is emitted."""

from typing import NamedTuple

from paddle_otel.conventions import attributes as a

_MODULE = (a.PADDLE_PIPELINE_MODULE, "string", "what the model does in its pipeline: `text_detection`")
_ERROR = (a.ERROR_TYPE, "string", "class of the exception")

IDENTITY = (
    (a.PADDLE_REQUEST_ID, "string", "the request, where the program, a header or baggage says who asked"),
    (a.GEN_AI_CONVERSATION_ID, "string", "the session, likewise"),
    (a.ENDUSER_ID, "string", "the user, likewise"),
    (a.PADDLE_TENANT_ID, "string", "the tenant, likewise"),
)


class SpanKind(NamedTuple):
    """Spans that have the same attributes.

    Attributes:
        of: What they are spans of, with its article.
        rows: Names of the spans, and when there is one.
        attributes: Name, type and meaning of each.
    """

    of: str
    rows: tuple[tuple[tuple[str, ...], str], ...]
    attributes: tuple[tuple[str, str, str], ...]


GENERATION = SpanKind(
    "a generation",
    (
        (
            ("chat {model}", "text_completion {model}"),
            (
                "one per outermost `generate` call, whatever the batch, and one per run of an exported program that"
                " generates; `chat` when the prompt came from a chat template"
            ),
        ),
        (("prefill", "decode"), "below a generation: until the first token, and from there to the end"),
    ),
    (
        (a.GEN_AI_OPERATION_NAME, "string", "`chat` or `text_completion`"),
        (a.GEN_AI_PROVIDER_NAME, "string", f"`{a.PROVIDER_PADDLEPADDLE}`"),
        (a.GEN_AI_REQUEST_MODEL, "string", "what the user loaded, last path component"),
        (a.GEN_AI_RESPONSE_MODEL, "string", "the same"),
        (a.GEN_AI_REQUEST_MAX_TOKENS, "int", "as set by the caller"),
        (a.GEN_AI_REQUEST_TEMPERATURE, "double", "as set by the caller"),
        (a.GEN_AI_REQUEST_TOP_P, "double", "as set by the caller"),
        (a.GEN_AI_REQUEST_TOP_K, "int", "as set by the caller"),
        (a.GEN_AI_REQUEST_SEED, "int", "as set by the caller"),
        (a.GEN_AI_REQUEST_CHOICE_COUNT, "int", "sequences per prompt, when not 1"),
        (a.GEN_AI_REQUEST_STREAM, "boolean", "present, and true, when the caller passed a streamer"),
        (a.GEN_AI_RESPONSE_FINISH_REASONS, "string[]", "one per sequence: `stop`, `length`, `budget` or `error`"),
        (a.GEN_AI_RESPONSE_TIME_TO_FIRST_CHUNK, "double", "s; streaming calls"),
        (a.GEN_AI_USAGE_INPUT_TOKENS, "int", "padding excluded, each prompt once"),
        (a.GEN_AI_USAGE_OUTPUT_TOKENS, "int", "through the first end-of-sequence token, summed over the sequences"),
        (a.PADDLE_BATCH_SIZE, "int", "prompts in the call"),
        (a.PADDLE_SEQUENCES_OUTPUT_TOKENS, "int[]", "output tokens of each sequence"),
        (a.PADDLE_DECODE_STRATEGY, "string", "`greedy_search`, `sampling` or `beam_search`"),
        (a.PADDLE_NUM_BEAMS, "int", "with beam search"),
        (a.PADDLE_DEVICE, "string", "where the parameters are: `cpu`, `gpu:0`"),
        (a.PADDLE_DTYPE, "string", "type of the parameters: `float32`, `bfloat16`"),
        (a.PADDLE_TIME_TO_FIRST_TOKEN, "double", "s"),
        (a.PADDLE_TIME_PER_OUTPUT_TOKEN, "double", "s; mean after the first token"),
        (a.PADDLE_KV_CACHE_SIZE, "int", "By; from the model's configuration and the sequence lengths"),
        (
            a.PADDLE_KV_CACHE_PREDICTED_SIZE,
            "int",
            "By; known at the start: its size when every sequence runs to its limit",
        ),
        (a.PADDLE_TOKENIZE_DURATION, "double", "s; of the prompt's tokenizer call, when it is known"),
        (a.PADDLE_BUDGET_NAME, "string", "the token budget that ended it"),
        *IDENTITY,
        _MODULE,
        _ERROR,
    ),
)

TOKENIZER = SpanKind(
    "a tokenizer call",
    (
        (
            ("tokenize {class}", "detokenize {class}"),
            "outermost tokenizer call, where a trace is being recorded and not inside a generation",
        ),
    ),
    (
        (a.PADDLE_TOKENIZER_CLASS, "string", "the tokenizer's class"),
        (a.PADDLE_TOKENIZER_TOKENS, "int", "tokens, padding excluded"),
        *IDENTITY,
        _ERROR,
    ),
)

PREDICTION = SpanKind(
    "a prediction",
    (
        (
            ("predict {model}",),
            (
                "one run of a model that generates nothing: `Predictor.run`, a loaded jit layer, an inference"
                " `Executor.run`, the outermost call of a pretrained model; see `PADDLE_OTEL_PREDICTION_SPANS`"
            ),
        ),
        (("embeddings {model}",), "the same, of a model that is known to make embeddings"),
    ),
    (
        (
            a.PADDLE_MODEL_NAME,
            "string",
            f"what it was loaded from, last path component; `{a.MODEL_UNKNOWN}` when nobody saw it",
        ),
        (a.PADDLE_MODEL_KIND, "string", "how it is run, see the table of values"),
        (a.PADDLE_DEVICE, "string", "where it runs: `cpu`, `gpu:0`"),
        (a.PADDLE_DTYPE, "string", "type of the parameters: `float32`, `bfloat16`"),
        (a.PADDLE_BATCH_SIZE, "int", "rows of the first input that has rows"),
        (a.PADDLE_PREDICTION_INPUT_NAMES, "string[]", "what the program calls its inputs"),
        (
            a.PADDLE_PREDICTION_INPUT_LEADING_DIMENSIONS,
            "int[]",
            "first dimension of each of them; absent when one has none",
        ),
        (a.PADDLE_PREDICTION_OUTPUT_NAMES, "string[]", "what the program calls its outputs"),
        (
            a.PADDLE_PREDICTION_OUTPUT_LEADING_DIMENSIONS,
            "int[]",
            "first dimension of each of them; absent when one has none",
        ),
        (a.GEN_AI_USAGE_INPUT_TOKENS, "int", "padding excluded, where an attention mask tells it"),
        (a.GEN_AI_OPERATION_NAME, "string", f"`{a.OPERATION_EMBEDDINGS}`, of a model that makes them"),
        (a.GEN_AI_PROVIDER_NAME, "string", f"`{a.PROVIDER_PADDLEPADDLE}`, of embeddings"),
        (a.GEN_AI_REQUEST_MODEL, "string", "the model's name, of embeddings"),
        (a.GEN_AI_EMBEDDINGS_DIMENSION_COUNT, "int", "of embeddings, when known"),
        *IDENTITY,
        _MODULE,
        _ERROR,
    ),
)

PIPELINE = SpanKind(
    "a pipeline call",
    (
        (
            ("pipeline {name}",),
            (
                "outermost call of a Taskflow, a PaddleX or a PaddleOCR pipeline; a generator is one span from its"
                " first value to its end"
            ),
        ),
    ),
    (
        (a.PADDLE_PIPELINE_NAME, "string", "the pipeline, the task or the single model, in its library's words"),
        (
            a.PADDLE_PIPELINE_LIBRARY,
            "string",
            f"`{a.LIBRARY_PADDLENLP}`, `{a.LIBRARY_PADDLEX}`, `{a.LIBRARY_PADDLEOCR}`",
        ),
        (a.PADDLE_MODEL_NAME, "string", "the model that the caller chose, if one"),
        (a.PADDLE_PIPELINE_MODULE, "string", "of a single model: what it does, `text_detection`"),
        (a.PADDLE_PIPELINE_INPUTS, "int", "inputs it was given, when they can be counted without being consumed"),
        (a.PADDLE_PIPELINE_RESULTS, "int", "results it gave"),
        (a.PADDLE_PIPELINE_EXHAUSTED, "boolean", "of a generator: whether it came to its end, or was closed before"),
        (
            a.PADDLE_PIPELINE_ACTIVE_DURATION,
            "double",
            "s; the time in which it worked, without that between two results",
        ),
        *IDENTITY,
        _ERROR,
    ),
)

LOAD = SpanKind(
    "a load",
    (
        (
            ("load_model {model}",),
            (
                "outermost `from_pretrained` of a model or tokenizer, `create_predictor`, `jit.load`,"
                " `load_inference_model`, construction of a pipeline"
            ),
        ),
    ),
    (
        (a.PADDLE_MODEL_NAME, "string", "what it is loaded from, last path component"),
        (a.PADDLE_MODEL_KIND, "string", "what is loaded, see the table of values"),
        (a.PADDLE_MODEL_CLASS, "string", "the class that was asked to load"),
        (a.PADDLE_DEVICE, "string", "where an exported program is to run"),
        (a.PADDLE_INFERENCE_IR_OPTIMIZATION, "boolean", "whether the program is optimised"),
        (a.PADDLE_INFERENCE_PRECISION, "string", "`float32`, `float16`, `bfloat16`, `int8`"),
        (a.PADDLE_INFERENCE_CPU_THREADS, "int", "threads of the mathematical library"),
        (a.PADDLE_INFERENCE_ONEDNN, "boolean", "whether oneDNN is used"),
        (a.PADDLE_INFERENCE_TENSORRT, "boolean", "whether TensorRT is used"),
        (a.PADDLE_PIPELINE_NAME, "string", "the task of a Taskflow"),
        (a.PADDLE_PIPELINE_LIBRARY, "string", "of a Taskflow"),
        _MODULE,
        _ERROR,
    ),
)

ALL = (GENERATION, TOKENIZER, PREDICTION, PIPELINE, LOAD)

GPU_USE = (
    (a.PADDLE_GPU_IDS, "string[]", "UUIDs of the GPUs it ran on"),
    (
        a.PADDLE_GPU_UTILIZATION_MEAN,
        "double",
        "share (0 to 1) of the time in which the GPU was at work, mean of the samples",
    ),
    (a.PADDLE_GPU_MEMORY_PEAK, "int", "By; most memory in use on the GPU, of all processes, at a sample"),
    (a.PADDLE_GPU_ENERGY, "double", "J; from the start to the last sample before the end"),
    (
        a.PADDLE_GPU_ENERGY_METHOD,
        "string",
        (
            f"`{a.ENERGY_EXCLUSIVE}`: all that the GPU used; `{a.ENERGY_SHARED_SPLIT}`: divided equally among"
            f" overlapping operations; `{a.ENERGY_POWER_ESTIMATE}`: from the power, on GPUs without an energy counter"
        ),
    ),
    (a.PADDLE_GPU_SAMPLED_DURATION, "double", "s; the time that energy and GPU time cover"),
    (a.PADDLE_GPU_TIME, "double", "s; time in which the GPU was at work for it, shared among what ran at once"),
    (a.PADDLE_GPU_TOKENS_PER_SECOND, "double", "output tokens of a generation per second of GPU time"),
    (a.PADDLE_GPU_ENERGY_PER_TOKEN, "double", "J; per output token of a generation"),
)
