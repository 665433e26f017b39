"""Writes `telemetry.md`, the list of everything that is emitted, from the names in the code.

python docs/generate_telemetry.py
"""

from collections.abc import Iterable
from pathlib import Path

import emitted_spans
from markdown_tables import attribute_table, code, metric_table, table

from paddle_otel.conventions import allocator, budgets, disk, events, gpu, hardware, host, metrics, sampler
from paddle_otel.conventions import attributes as a
from paddle_otel.conventions.metric import Metric

PAGE = Path(__file__).with_name("telemetry.md")

_INTRODUCTION = """# What is emitted

Every span, metric and attribute. This page is made from the code by `docs/generate_telemetry.py`.

Three rules hold for all of it: a value that is not known is absent; no prompt text, generated text or token ids;
attributes of metrics have few values. A model is named by the last part of what it was loaded from.

Names follow the OpenTelemetry semantic conventions: GenAI as published up to version 1.41, hardware as of version 1.44.
Names of our own start with `paddle.`. The pages of the libraries say which of them come from where: [exported
programs](paddle-inference.md), [PaddleNLP](paddlenlp.md), [PaddleFormers](paddleformers.md), [PaddleX and
PaddleOCR](paddlex.md), [loops and servers of your own](custom-models.md).

## Spans

"""

_AFTER_SPANS = """
Kind INTERNAL (the model runs in this process); `PADDLE_OTEL_GENERATION_SPAN_KIND` can make generations CLIENT. A
failure sets status ERROR and `error.type`, the exception's class.
"""

_IDENTITY = (a.PADDLE_REQUEST_ID, a.GEN_AI_CONVERSATION_ID, a.ENDUSER_ID, a.PADDLE_TENANT_ID)
_BUDGET = (
    a.PADDLE_BUDGET_NAME,
    a.PADDLE_BUDGET_SCOPE,
    a.PADDLE_BUDGET_COUNTS,
    a.PADDLE_BUDGET_WINDOW,
    a.PADDLE_BUDGET_LIMIT,
    a.PADDLE_BUDGET_USED,
)

_EVENTS = (
    (
        events.USAGE,
        "info",
        "a request ended, however it ended: the billing record",
        (
            a.PADDLE_USAGE_ID,
            a.GEN_AI_OPERATION_NAME,
            a.GEN_AI_PROVIDER_NAME,
            a.GEN_AI_REQUEST_MODEL,
            a.GEN_AI_USAGE_INPUT_TOKENS,
            a.GEN_AI_USAGE_OUTPUT_TOKENS,
            a.GEN_AI_RESPONSE_FINISH_REASONS,
            a.PADDLE_USAGE_DURATION,
            a.PADDLE_TIME_TO_FIRST_TOKEN,
            a.PADDLE_MODEL_KIND,
            a.PADDLE_BUDGET_NAME,
            a.ERROR_TYPE,
            *(key for key, _, _ in emitted_spans.GPU_USE),
            *_IDENTITY,
        ),
    ),
    (
        events.BUDGET_EXCEEDED,
        "warn",
        "a token budget is used up",
        (*_BUDGET, a.PADDLE_BUDGET_ACTION, a.GEN_AI_REQUEST_MODEL, *_IDENTITY),
    ),
    (
        events.BUDGET_THRESHOLD,
        "warn",
        "a token budget has come to the number of tokens at which it warns",
        (*_BUDGET, a.PADDLE_BUDGET_THRESHOLD, a.GEN_AI_REQUEST_MODEL, *_IDENTITY),
    ),
    (
        events.MEMORY_PRESSURE,
        "warn",
        "memory will soon be full, or the requests in flight do not fit: [Memory](memory-and-bottlenecks.md)",
        (
            a.HW_ID,
            a.HW_NAME,
            a.PADDLE_DEVICE,
            *(value for name, value in vars(a).items() if name.startswith("PADDLE_MEMORY_")),
        ),
    ),
    (
        events.BOTTLENECK,
        "warn",
        "tokens and GPU time do not fit together",
        (
            a.HW_ID,
            a.HW_NAME,
            a.PADDLE_DEVICE,
            a.GEN_AI_REQUEST_MODEL,
            a.PADDLE_GPU_THROTTLE_REASON,
            *(value for name, value in vars(a).items() if name.startswith("PADDLE_BOTTLENECK_")),
        ),
    ),
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

_VALUES = (
    (
        a.PADDLE_MODEL_KIND,
        "how a model is run, or what is loaded",
        tuple(value for name, value in sorted(vars(a).items()) if name.startswith("KIND_")),
    ),
    (
        a.PADDLE_MEMORY_PRESSURE_SCOPE,
        "which memory",
        (a.SCOPE_GPU, a.SCOPE_CONTAINER, a.SCOPE_HOST, a.SCOPE_PROCESS),
    ),
    (
        a.PADDLE_MEMORY_PRESSURE_CAUSE,
        "its use rises, or the requests in flight do not fit",
        (a.CAUSE_TREND, a.CAUSE_PREDICTED_PEAK),
    ),
    (
        a.PADDLE_BOTTLENECK_DIAGNOSIS,
        "what was seen",
        (a.DIAGNOSIS_IDLE_GPU, a.DIAGNOSIS_BUSY_GPU),
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

`hw.id` is the UUID of a GPU (`GPU-…`, `MIG-…`; a fan adds `/fan0`) and the identity of a disk; `hw.parent` the GPU that
a fan or a MIG instance belongs to; `paddle.gpu.mig.instance_id` the number of a MIG instance's share of the memory;
`paddle.gpu.xid` an error number.

"""

_GPU_USE_INTRODUCTION = """
### What an operation used of its GPU

On generations and predictions that ran on a GPU, from the samples taken while they ran. One that is shorter than the
sampling interval may have no sample; then all of these are absent. The energy is absent with MIG, and while another
process uses the GPU: it cannot be told apart there. Time in which it was not seen that the process has the GPU for
itself is left out.

"""

_EVENTS_INTRODUCTION = """
## Events

OpenTelemetry logs with a name. The process that reports a device's metrics also sends its events.

"""

_RESOURCE = f"""
## Resource

With `OTEL_EXPERIMENTAL_RESOURCE_DETECTORS=otel,paddle`, everything that a process sends also carries
`{a.PADDLE_VERSION}`, `{a.PADDLE_COMPILED_WITH}`, and in a distributed job `{a.PADDLE_RANK}`, `{a.PADDLE_LOCAL_RANK}`,
`{a.PADDLE_WORLD_SIZE}` and `{a.PADDLE_JOB_ID}`.
"""


_METRICS: tuple[tuple[str, Iterable[Metric]], ...] = (
    ("Generations, tokenizers, predictions, pipelines and models", metrics.ALL),
    ("Token budgets", budgets.ALL),
    ("Devices of several kinds", hardware.ALL),
    ("GPUs", gpu.ALL),
    ("Host, container and process", host.ALL),
    ("Disks", disk.ALL),
    ("Paddle's memory allocator", allocator.ALL),
    ("The sampler itself", sampler.ALL),
)


def page() -> str:
    """Return the page."""
    rows = ((code(names), when) for kind in emitted_spans.ALL for names, when in kind.rows)
    spans = _INTRODUCTION + table(("span", "when"), rows) + _AFTER_SPANS
    attributes = "".join(
        f"\n### Attributes of {kind.of}\n\n{attribute_table(kind.attributes)}" for kind in emitted_spans.ALL
    )
    gpu_use = _GPU_USE_INTRODUCTION + attribute_table(emitted_spans.GPU_USE)
    emitted = "".join(f"\n### {title}\n\n{metric_table(listed)}" for title, listed in _METRICS)
    return spans + attributes + gpu_use + "\n## Metrics\n" + emitted + _values() + _events() + _RESOURCE


def _values() -> str:
    rows = ((f"`{key}`", meaning, code(values)) for key, meaning, values in _VALUES)
    return _VALUES_INTRODUCTION + table(("attribute", "meaning", "values"), rows)


def _events() -> str:
    rows = ((f"`{name}`", severity, meaning, code(keys)) for name, severity, meaning, keys in _EVENTS)
    return _EVENTS_INTRODUCTION + table(("event", "severity", "when", "attributes"), rows)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
