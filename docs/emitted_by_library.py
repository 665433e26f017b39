"""Which of the spans, attributes and metrics come from which library, for the pages of the libraries."""

from typing import NamedTuple

from emitted_spans import GENERATION, LOAD, PIPELINE, PREDICTION, TOKENIZER, SpanKind

from paddle_otel.conventions import attributes as a
from paddle_otel.conventions import metrics as m
from paddle_otel.conventions.metric import Metric

_OF_EXPORTED_GENERATIONS = (
    m.CLIENT_OPERATION_DURATION,
    m.CLIENT_TOKEN_USAGE,
    m.SERVER_REQUEST_DURATION,
    m.REQUEST_ACTIVE,
    m.TOKENS,
)
_OF_STEPS = (m.SERVER_TIME_TO_FIRST_TOKEN, m.SERVER_TIME_PER_OUTPUT_TOKEN)
_OF_GENERATIONS = (*_OF_EXPORTED_GENERATIONS, *_OF_STEPS, m.KV_CACHE_SIZE)
_OF_TOKENIZERS = (m.TOKENIZER_DURATION, m.TOKENIZER_TOKENS)
_OF_PREDICTIONS = (m.PREDICTION_DURATION, m.PREDICTION_BATCH_SIZE)
_OF_LOADS = (m.MODEL_LOAD_DURATION, m.MODEL_STATE)

_NAMES = (a.PADDLE_PREDICTION_INPUT_NAMES, a.PADDLE_PREDICTION_OUTPUT_NAMES)
_DIMENSIONS = (a.PADDLE_PREDICTION_INPUT_LEADING_DIMENSIONS, a.PADDLE_PREDICTION_OUTPUT_LEADING_DIMENSIONS)
_OF_EMBEDDINGS = (
    a.GEN_AI_OPERATION_NAME,
    a.GEN_AI_PROVIDER_NAME,
    a.GEN_AI_REQUEST_MODEL,
    a.GEN_AI_EMBEDDINGS_DIMENSION_COUNT,
)
_OF_PROGRAM_LOADS = (
    a.PADDLE_DEVICE,
    a.PADDLE_INFERENCE_IR_OPTIMIZATION,
    a.PADDLE_INFERENCE_PRECISION,
    a.PADDLE_INFERENCE_CPU_THREADS,
    a.PADDLE_INFERENCE_ONEDNN,
    a.PADDLE_INFERENCE_TENSORRT,
    a.PADDLE_PIPELINE_MODULE,
)
_EXPORTED = f"`{a.KIND_PREDICTOR}`, `{a.KIND_JIT_LAYER}` or `{a.KIND_STATIC_PROGRAM}`"
_OF_TASKFLOW_LOADS = (a.PADDLE_PIPELINE_NAME, a.PADDLE_PIPELINE_LIBRARY)
_OF_DYNAMIC_GENERATIONS = (
    a.PADDLE_KV_CACHE_SIZE,
    a.PADDLE_KV_CACHE_PREDICTED_SIZE,
    a.PADDLE_DECODE_STRATEGY,
    a.PADDLE_NUM_BEAMS,
    a.PADDLE_TOKENIZE_DURATION,
)


class Emitted(NamedTuple):
    """One kind of spans, as one library emits it.

    Attributes:
        kind: The kind.
        rows: Names of the spans, and when the library emits them.
        without: Attributes of the kind that do not come from this library.
        meanings: What some attributes mean here in particular.
    """

    kind: SpanKind
    rows: tuple[tuple[tuple[str, ...], str], ...]
    without: tuple[str, ...] = ()
    meanings: tuple[tuple[str, str], ...] = ()

    def attributes(self) -> tuple[tuple[str, str, str], ...]:
        """Name, type and meaning of each attribute."""
        own = dict(self.meanings)
        listed = (one for one in self.kind.attributes if one[0] not in self.without)
        return tuple((name, kind, own.get(name, meaning)) for name, kind, meaning in listed)


class Library(NamedTuple):
    """What one library emits.

    Attributes:
        page: Its page.
        spans: Its spans.
        metrics: Its metrics.
    """

    page: str
    spans: tuple[Emitted, ...]
    metrics: tuple[Metric, ...]


_PRETRAINED = (
    Emitted(
        GENERATION,
        (
            (
                ("chat {model}", "text_completion {model}"),
                "each outermost `generate`, whatever the batch; `chat` when the prompt came from a chat template",
            ),
            GENERATION.rows[1],
        ),
        (a.PADDLE_PIPELINE_MODULE,),
    ),
    Emitted(TOKENIZER, TOKENIZER.rows),
    Emitted(
        PREDICTION,
        (
            (("predict {model}",), "each outermost call `model(…)` outside `generate` and outside training"),
            PREDICTION.rows[1],
        ),
        (a.PADDLE_PIPELINE_MODULE,),
        (
            (a.PADDLE_MODEL_KIND, f"`{a.KIND_PRETRAINED_MODEL}`"),
            (a.PADDLE_PREDICTION_INPUT_NAMES, "names of the arguments that are tensors"),
            (a.PADDLE_PREDICTION_OUTPUT_NAMES, "names of the outputs, when they have names"),
            (a.GEN_AI_USAGE_INPUT_TOKENS, "padding excluded, where an attention mask or the tokenizer's call tells it"),
        ),
    ),
    Emitted(
        LOAD,
        ((("load_model {model}",), "each outermost `from_pretrained` of a model or a tokenizer"),),
        (*_OF_PROGRAM_LOADS, *_OF_TASKFLOW_LOADS),
        ((a.PADDLE_MODEL_KIND, f"`{a.KIND_PRETRAINED_MODEL}` or `{a.KIND_TOKENIZER}`"),),
    ),
)
_PRETRAINED_METRICS = (*_OF_GENERATIONS, *_OF_TOKENIZERS, *_OF_PREDICTIONS, *_OF_LOADS)

LIBRARIES = {
    "paddle_inference": Library(
        "paddle-inference.md",
        (
            Emitted(
                PREDICTION,
                (
                    (
                        ("predict {model}",),
                        (
                            "each `Predictor.run`, each call of a layer from `paddle.jit.load`, each `Executor.run` of"
                            " an inference program"
                        ),
                    ),
                ),
                (a.PADDLE_DTYPE, *_OF_EMBEDDINGS),
                ((a.PADDLE_MODEL_KIND, _EXPORTED),),
            ),
            Emitted(
                GENERATION,
                (
                    (
                        ("text_completion {model}",),
                        "the same, of a program that takes ids and gives the ids it generated",
                    ),
                ),
                (
                    a.GEN_AI_REQUEST_SEED,
                    a.GEN_AI_REQUEST_CHOICE_COUNT,
                    a.GEN_AI_REQUEST_STREAM,
                    a.GEN_AI_RESPONSE_TIME_TO_FIRST_CHUNK,
                    a.PADDLE_DTYPE,
                    a.PADDLE_TIME_TO_FIRST_TOKEN,
                    a.PADDLE_TIME_PER_OUTPUT_TOKEN,
                    *_OF_DYNAMIC_GENERATIONS,
                ),
                (
                    (a.GEN_AI_OPERATION_NAME, f"`{a.OPERATION_TEXT_COMPLETION}`"),
                    (a.GEN_AI_REQUEST_MODEL, "what the program was loaded from, last path component"),
                    (a.GEN_AI_REQUEST_MAX_TOKENS, "the input `max_new_tokens` or `max_dec_len`"),
                    (a.GEN_AI_REQUEST_TEMPERATURE, "the input of that name, when it is the same for all rows"),
                    (a.GEN_AI_REQUEST_TOP_P, "the input of that name, when it is the same for all rows"),
                    (a.GEN_AI_REQUEST_TOP_K, "the input of that name, when it is the same for all rows"),
                    (
                        a.GEN_AI_RESPONSE_FINISH_REASONS,
                        "one per sequence: `stop`, `length` or `error`, where it is known",
                    ),
                    (a.GEN_AI_USAGE_OUTPUT_TOKENS, "of a single prompt; of several, padding cannot be told from text"),
                    (a.PADDLE_SEQUENCES_OUTPUT_TOKENS, "the same, as a list"),
                    (a.PADDLE_DEVICE, "where it runs: `cpu`, `gpu:0`"),
                    (a.PADDLE_BUDGET_NAME, "the token budget that refused it; none can end it while it runs"),
                ),
            ),
            Emitted(
                LOAD,
                (
                    (
                        ("load_model {model}",),
                        "each `create_predictor`, `Predictor(config)`, `paddle.jit.load`, `load_inference_model`",
                    ),
                ),
                (a.PADDLE_MODEL_CLASS, *_OF_TASKFLOW_LOADS),
                ((a.PADDLE_MODEL_KIND, _EXPORTED),),
            ),
        ),
        (*_OF_PREDICTIONS, *_OF_LOADS, *_OF_EXPORTED_GENERATIONS),
    ),
    "paddlenlp": Library(
        "paddlenlp.md",
        (
            *_PRETRAINED[:3],
            Emitted(
                PIPELINE,
                ((("pipeline {name}",), "each outermost call of a `Taskflow`, named after its task"),),
                (a.PADDLE_PIPELINE_EXHAUSTED, a.PADDLE_PIPELINE_MODULE),
                ((a.PADDLE_PIPELINE_LIBRARY, f"`{a.LIBRARY_PADDLENLP}`"),),
            ),
            Emitted(
                LOAD,
                (
                    (
                        ("load_model {model}",),
                        "each outermost `from_pretrained` of a model or a tokenizer, each construction of a `Taskflow`",
                    ),
                ),
                _OF_PROGRAM_LOADS,
                (
                    (
                        a.PADDLE_MODEL_KIND,
                        f"`{a.KIND_PRETRAINED_MODEL}`, `{a.KIND_TOKENIZER}` or `{a.KIND_PIPELINE}`",
                    ),
                ),
            ),
        ),
        (*_PRETRAINED_METRICS, m.PIPELINE_DURATION),
    ),
    "paddleformers": Library("paddleformers.md", _PRETRAINED, _PRETRAINED_METRICS),
    "paddlex": Library(
        "paddlex.md",
        (
            Emitted(
                PIPELINE,
                (
                    (
                        ("pipeline {name}",),
                        (
                            "each outermost call of a pipeline or of a single model; one whose results are taken one by"
                            " one is one span, from the first to the end"
                        ),
                    ),
                ),
                (a.PADDLE_MODEL_NAME,),
                ((a.PADDLE_PIPELINE_LIBRARY, f"`{a.LIBRARY_PADDLEX}` or `{a.LIBRARY_PADDLEOCR}`"),),
            ),
            Emitted(
                PREDICTION,
                (
                    (
                        ("predict {model}",),
                        "each outermost call of a model of the engine `paddle_dynamic` outside `generate`",
                    ),
                ),
                (a.PADDLE_PIPELINE_MODULE, *_OF_EMBEDDINGS),
                (
                    (a.PADDLE_MODEL_KIND, f"`{a.KIND_PRETRAINED_MODEL}`"),
                    (a.PADDLE_PREDICTION_INPUT_NAMES, "names of the arguments that are tensors"),
                    (a.PADDLE_PREDICTION_OUTPUT_NAMES, "names of the outputs, when they have names"),
                ),
            ),
            Emitted(
                GENERATION,
                ((("text_completion {model}",), "each outermost `generate` of such a model"), GENERATION.rows[1]),
                (a.PADDLE_PIPELINE_MODULE, a.PADDLE_TOKENIZE_DURATION),
                ((a.GEN_AI_OPERATION_NAME, f"`{a.OPERATION_TEXT_COMPLETION}`"),),
            ),
            Emitted(
                LOAD,
                (
                    (
                        ("load_model {model}",),
                        "each creation of a pipeline, each `from_pretrained` of a model of the engine `paddle_dynamic`",
                    ),
                ),
                (*_OF_PROGRAM_LOADS, *_OF_TASKFLOW_LOADS),
                (
                    (a.PADDLE_MODEL_KIND, f"`{a.KIND_PIPELINE}` or `{a.KIND_PRETRAINED_MODEL}`"),
                    (a.PADDLE_MODEL_NAME, "the pipeline or the model"),
                ),
            ),
        ),
        (m.PIPELINE_DURATION, *_OF_PREDICTIONS, *_OF_GENERATIONS, *_OF_LOADS),
    ),
    "operations": Library(
        "custom-models.md",
        (
            Emitted(
                GENERATION,
                (
                    (("chat {model}", "text_completion {model}"), "each outermost `observe_generation`"),
                    (GENERATION.rows[1][0], "below it, when the program reports its steps"),
                ),
                (*_OF_DYNAMIC_GENERATIONS, a.PADDLE_PIPELINE_MODULE),
                (
                    (a.GEN_AI_REQUEST_MODEL, "as the program names it, last path component"),
                    (a.GEN_AI_REQUEST_STREAM, "present, and true, when tokens are handed out as they come"),
                    (
                        a.GEN_AI_RESPONSE_FINISH_REASONS,
                        "one per sequence, as the program says; `budget` where a budget said to stop, and `error`",
                    ),
                    (a.GEN_AI_USAGE_INPUT_TOKENS, "as the program says"),
                    (a.GEN_AI_USAGE_OUTPUT_TOKENS, "as the program says, by its steps or at the end"),
                    (a.PADDLE_DEVICE, "as the program says"),
                    (a.PADDLE_DTYPE, "as the program says"),
                ),
            ),
            Emitted(
                PREDICTION,
                (
                    (("predict {model}",), "each `observe_prediction` outside a generation"),
                    (("embeddings {model}",), "the same, with `embeddings=True`"),
                ),
                (
                    a.PADDLE_DTYPE,
                    *_NAMES,
                    *_DIMENSIONS,
                    a.GEN_AI_EMBEDDINGS_DIMENSION_COUNT,
                    a.PADDLE_PIPELINE_MODULE,
                ),
                (
                    (a.PADDLE_MODEL_NAME, f"as the program names it; `{a.MODEL_UNKNOWN}` when it does not"),
                    (a.PADDLE_MODEL_KIND, f"`{a.KIND_CUSTOM}`"),
                    (a.PADDLE_DEVICE, "as the program says"),
                    (a.PADDLE_BATCH_SIZE, "as the program says"),
                    (a.GEN_AI_USAGE_INPUT_TOKENS, "as the program says"),
                ),
            ),
        ),
        (*_OF_EXPORTED_GENERATIONS, *_OF_STEPS, *_OF_PREDICTIONS),
    ),
}
