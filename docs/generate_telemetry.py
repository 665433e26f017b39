"""Writes `telemetry.md`, the list of everything that is emitted, from the names in the code.

python docs/generate_telemetry.py            # writes docs/telemetry.md
"""

from collections.abc import Iterable
from pathlib import Path

from paddle_otel.conventions import allocator, disk, events, gpu, hardware, host, metrics, sampler
from paddle_otel.conventions import attributes as a
from paddle_otel.conventions.metric import Metric

PAGE = Path(__file__).with_name("telemetry.md")

_INTRODUCTION = """# What is emitted

Every span, metric and attribute. This page is made from the code by `docs/generate_telemetry.py`.

Three rules hold for all of it: a value that is not known is absent; no prompt text, generated text or token ids; attributes of metrics
have few values. A model is named by the last part of what it was loaded from.

Names follow the OpenTelemetry semantic conventions: GenAI as published up to version 1.41, hardware as of version 1.44. Names of our
own start with `paddle.`.

## Spans

| span | when |
|---|---|
| `chat {model}`, `text_completion {model}` | one per outermost `generate` call, whatever the batch; `chat` when the prompt came from a chat template |
| `prefill`, `decode` | below a generation: until the first token, and from there to the end |
| `tokenize {class}`, `detokenize {class}` | outermost tokenizer call, where a trace is being recorded and not inside a generation |
| `predict {model}` | one run of a model that generates nothing: `Predictor.run`, a loaded jit layer, an inference `Executor.run`, the outermost call of a pretrained model; see `PADDLE_OTEL_PREDICTION_SPANS` |
| `embeddings {model}` | the same, of a model that is known to make embeddings |
| `pipeline {name}` | outermost call of a Taskflow, a PaddleX or a PaddleOCR pipeline; a generator is one span from its first value to its end |
| `load_model {model}` | outermost `from_pretrained` of a model or tokenizer, `create_predictor`, `jit.load`, `load_inference_model`, construction of a pipeline |

Kind INTERNAL (the model runs in this process). A failure sets status ERROR and `error.type`, the exception's class.

### Attributes of a generation

| attribute | type | meaning |
|---|---|---|
"""

_GENERATION = (
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
    (a.GEN_AI_RESPONSE_FINISH_REASONS, "string[]", "one per sequence: `stop`, `length` or `error`"),
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
    (a.PADDLE_TOKENIZE_DURATION, "double", "s; of the prompt's tokenizer call, when it is known"),
    (a.ERROR_TYPE, "string", "class of the exception"),
)

_PREDICTION = (
    (
        a.PADDLE_MODEL_NAME,
        "string",
        f"what it was loaded from, last path component; `{a.MODEL_UNKNOWN}` when nobody saw it",
    ),
    (a.PADDLE_MODEL_KIND, "string", "how it is run, see the table of values"),
    (a.PADDLE_DEVICE, "string", "where it runs: `cpu`, `gpu:0`"),
    (a.PADDLE_DTYPE, "string", "type of the parameters: `float32`, `bfloat16`"),
    (a.PADDLE_BATCH_SIZE, "int", "rows of the first input that has rows"),
    (a.PADDLE_PREDICTION_INPUT_NAMES, "string[]", "the program's own names of its inputs"),
    (a.PADDLE_PREDICTION_INPUT_LEADING_DIMENSIONS, "int[]", "first dimension of each of them; 0 for a scalar"),
    (a.PADDLE_PREDICTION_OUTPUT_NAMES, "string[]", "the program's own names of its outputs"),
    (a.PADDLE_PREDICTION_OUTPUT_LEADING_DIMENSIONS, "int[]", "first dimension of each of them; 0 for a scalar"),
    (a.GEN_AI_USAGE_INPUT_TOKENS, "int", "padding excluded, where an attention mask tells it"),
    (a.GEN_AI_EMBEDDINGS_DIMENSION_COUNT, "int", "of embeddings, when known"),
    (a.PADDLE_PIPELINE_MODULE, "string", "what the model does in its pipeline: `text_detection`"),
    (a.ERROR_TYPE, "string", "class of the exception"),
)

_PIPELINE = (
    (a.PADDLE_PIPELINE_NAME, "string", "the pipeline, the task or the single model, in its library's words"),
    (a.PADDLE_PIPELINE_LIBRARY, "string", f"`{a.LIBRARY_PADDLENLP}`, `{a.LIBRARY_PADDLEX}` or `{a.LIBRARY_PADDLEOCR}`"),
    (a.PADDLE_MODEL_NAME, "string", "the model that the caller chose, if one"),
    (a.PADDLE_PIPELINE_INPUTS, "int", "inputs it was given, when they can be counted without being consumed"),
    (a.PADDLE_PIPELINE_RESULTS, "int", "results it gave"),
    (a.PADDLE_PIPELINE_EXHAUSTED, "boolean", "of a generator: whether it came to its end, or was closed before"),
    (a.PADDLE_PIPELINE_ACTIVE_DURATION, "double", "s; the time in which it worked, without that between two results"),
    (a.ERROR_TYPE, "string", "class of the exception"),
)

_LOAD = (
    (a.PADDLE_MODEL_NAME, "string", "what it is loaded from, last path component"),
    (a.PADDLE_MODEL_KIND, "string", "what is loaded, see the table of values"),
    (a.PADDLE_MODEL_CLASS, "string", "the class that was asked to load"),
    (a.PADDLE_DEVICE, "string", "where an exported program is to run"),
    (a.PADDLE_INFERENCE_IR_OPTIMIZATION, "boolean", "whether the program is optimised"),
    (a.PADDLE_INFERENCE_PRECISION, "string", "`float32`, `float16`, `bfloat16`, `int8`"),
    (a.PADDLE_INFERENCE_CPU_THREADS, "int", "threads of the mathematical library"),
    (a.PADDLE_INFERENCE_ONEDNN, "boolean", "whether oneDNN is used"),
    (a.PADDLE_INFERENCE_TENSORRT, "boolean", "whether TensorRT is used"),
    (a.ERROR_TYPE, "string", "class of the exception"),
)

_GPU_USE = (
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
        f"`{a.ENERGY_EXCLUSIVE}`: all that the GPU used; `{a.ENERGY_SHARED_SPLIT}`: divided equally among overlapping operations; `{a.ENERGY_POWER_ESTIMATE}`: from the power, on GPUs without an energy counter",
    ),
    (a.PADDLE_GPU_SAMPLED_DURATION, "double", "s; the time that the energy covers"),
)

_EVENTS = (
    (
        events.GPU_XID,
        "error",
        "the driver reported an XID error",
        (
            a.HW_ID,
            a.HW_NAME,
            a.PADDLE_GPU_XID,
            a.PADDLE_GPU_XID_CLASS,
            a.PADDLE_GPU_XID_MEANING,
            a.PADDLE_GPU_XID_ACTION,
        ),
    ),
    (
        events.DISK_HEALTH,
        "error",
        "a disk predicts its failure, has failed, or counts more bad sectors or media errors than before",
        (a.HW_ID, a.SYSTEM_DEVICE, a.HW_STATE, a.HW_PHYSICAL_DISK_SMART_ATTRIBUTE, a.PADDLE_DISK_SMART_VALUE),
    ),
)

_OTHERS = f"""
Tokenizer spans carry `{a.PADDLE_TOKENIZER_CLASS}` and `{a.PADDLE_TOKENIZER_TOKENS}` (without padding).

## Metrics
"""

_VALUES = (
    (
        a.PADDLE_MODEL_KIND,
        "how a model is run, or what is loaded",
        tuple(value for name, value in sorted(vars(a).items()) if name.startswith("KIND_")),
    ),
    (
        a.HW_STATE,
        "state of a device; the series of the state it is in is 1",
        (a.STATE_OK, a.STATE_DEGRADED, a.STATE_PREDICTED_FAILURE, a.STATE_FAILED),
    ),
    (a.ERROR_TYPE, "of `hw.errors`", (a.ERROR_CORRECTED, a.ERROR_UNCORRECTED, a.ERROR_PCIE_REPLAY, a.ERROR_MEDIA)),
    (
        a.HW_SENSOR_LOCATION,
        "where the temperature is measured",
        (a.SENSOR_LOCATION_GPU, a.SENSOR_LOCATION_MEMORY, a.SENSOR_LOCATION_DISK),
    ),
    (a.HW_LIMIT_TYPE, "slows down, switches itself off", (a.LIMIT_HIGH_DEGRADED, a.LIMIT_HIGH_CRITICAL)),
    (
        a.HW_GPU_TASK,
        "any kernel, or an engine beside the multiprocessors",
        (a.GPU_TASK_GENERAL, a.GPU_TASK_ENCODER, a.GPU_TASK_DECODER, a.GPU_TASK_JPEG, a.GPU_TASK_OPTICAL_FLOW),
    ),
    (
        a.PADDLE_GPU_PIPE,
        "multiprocessors (at least one warp), tensor cores, memory bandwidth, arithmetic by width",
        (a.PIPE_SM, a.PIPE_TENSOR, a.PIPE_DRAM, a.PIPE_FP16, a.PIPE_FP32, a.PIPE_FP64),
    ),
    (a.PADDLE_GPU_CLOCK_DOMAIN, "which clock", (a.CLOCK_GRAPHICS, a.CLOCK_SM, a.CLOCK_MEMORY, a.CLOCK_VIDEO)),
    (
        a.PADDLE_GPU_THROTTLE_REASON,
        "why clocks are held down, in the driver's words",
        tuple(value for name, value in sorted(vars(a).items()) if name.startswith("THROTTLE_")),
    ),
    (a.PADDLE_GPU_LINK_STATE, "of NVLinks", (a.LINK_ACTIVE, a.LINK_INACTIVE)),
    (a.NETWORK_IO_DIRECTION, "seen from the GPU", (a.DIRECTION_RECEIVE, a.DIRECTION_TRANSMIT)),
    (
        a.CPU_MODE,
        "what a CPU does",
        tuple(value for name, value in sorted(vars(a).items()) if name.startswith("CPU_") and name != "CPU_MODE"),
    ),
    (a.PADDLE_PRESSURE_STALL, "some tasks waited, or all of them", (a.STALL_SOME, a.STALL_FULL)),
    (a.PADDLE_PRESSURE_SCOPE, "whose tasks", (a.SCOPE_HOST, a.SCOPE_CONTAINER)),
    (a.PADDLE_DISK_ROLE, "present on disks that `PADDLE_OTEL_DISK_PATHS` names", (a.DISK_ROLE_DATA,)),
    (
        a.PADDLE_SAMPLER_SOURCE,
        "what is read",
        ("nvml", "disks", "host", "container", "pressure", "process", "smart", "allocator"),
    ),
)

_VALUES_INTRODUCTION = """
### Values of their attributes

`hw.id` is the UUID of a GPU (`GPU-…`, `MIG-…`; a fan adds `/fan0`) and the identity of a disk; `hw.parent` the GPU that a fan or a MIG
instance belongs to; `paddle.gpu.mig.instance_id` the number of a MIG instance's share of the memory; `paddle.gpu.xid` an error number.

| attribute | meaning | values |
|---|---|---|
"""

_GPU_USE_INTRODUCTION = """
### What an operation used of its GPU

On operations that ran on a GPU, from the samples taken while they ran. An operation shorter than the sampling interval may have none;
then all of these are absent. The energy is absent with MIG, and while another process uses the GPU: it cannot be told apart there. Time in
which it was not seen that the process has the GPU for itself is left out.

| attribute | type | meaning |
|---|---|---|
"""

_EVENTS_INTRODUCTION = """
## Events

OpenTelemetry logs with a name. The process that reports a device's metrics also sends its events.

| event | severity | when | attributes |
|---|---|---|---|
"""

_RESOURCE = f"""
## Resource

With `OTEL_EXPERIMENTAL_RESOURCE_DETECTORS=otel,paddle`, everything that a process sends also carries `{a.PADDLE_VERSION}`,
`{a.PADDLE_COMPILED_WITH}`, and in a distributed job `{a.PADDLE_RANK}`, `{a.PADDLE_LOCAL_RANK}`, `{a.PADDLE_WORLD_SIZE}` and
`{a.PADDLE_JOB_ID}`.
"""


_DEVICES: tuple[tuple[str, Iterable[Metric]], ...] = (
    ("Devices of several kinds", hardware.ALL),
    ("GPUs", gpu.ALL),
    ("Host, container and process", host.ALL),
    ("Disks", disk.ALL),
    ("Paddle's memory allocator", allocator.ALL),
    ("The sampler itself", sampler.ALL),
)


def page() -> str:
    """Return the page."""
    rows = "".join(f"| `{name}` | {kind} | {meaning} |\n" for name, kind, meaning in _GENERATION)
    models = _metrics("Generations, tokenizers, predictions, pipelines and models", metrics.ALL)
    others = (
        _attributes("a prediction", _PREDICTION)
        + _attributes("a pipeline call", _PIPELINE)
        + _attributes("a load", _LOAD)
    )
    devices = "".join(_metrics(title, listed) for title, listed in _DEVICES)
    return _INTRODUCTION + rows + others + _gpu_use() + _OTHERS + models + devices + _values() + _events() + _RESOURCE


def _attributes(of: str, listed: Iterable[tuple[str, str, str]]) -> str:
    rows = "".join(f"| `{name}` | {kind} | {meaning} |\n" for name, kind, meaning in listed)
    return f"\n### Attributes of {of}\n\n| attribute | type | meaning |\n|---|---|---|\n{rows}"


def _values() -> str:
    rows = "".join(
        f"| `{key}` | {meaning} | {', '.join(f'`{value}`' for value in values)} |\n" for key, meaning, values in _VALUES
    )
    return _VALUES_INTRODUCTION + rows


def _gpu_use() -> str:
    rows = "".join(f"| `{name}` | {kind} | {meaning} |\n" for name, kind, meaning in _GPU_USE)
    return _GPU_USE_INTRODUCTION + rows


def _events() -> str:
    rows = "".join(
        f"| `{name}` | {severity} | {meaning} | {', '.join(f'`{key}`' for key in keys)} |\n"
        for name, severity, meaning, keys in _EVENTS
    )
    return _EVENTS_INTRODUCTION + rows


def _metrics(title: str, listed: Iterable[Metric]) -> str:
    lines = [f"\n### {title}\n", "| metric | instrument | unit | meaning | attributes |", "|---|---|---|---|---|"]
    for metric in listed:
        kind = metric.kind.replace("_", " ")
        keys = ", ".join(f"`{key}`" for key in metric.attributes)
        lines.append(f"| `{metric.name}` | {kind} | {metric.unit} | {metric.description} | {keys} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
