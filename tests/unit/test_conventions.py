"""The contract's names: equal to OpenTelemetry's where it has one, complete, and each used once."""

from collections import Counter
from importlib import import_module
from types import ModuleType
from typing import Final, cast
from unittest.mock import Mock

import pytest
from opentelemetry.semconv.attributes import error_attributes
from opentelemetry.semconv.schemas import Schemas

from paddle_otel import conventions
from paddle_otel.conventions import allocator, attributes, disk, gpu, hardware, host, metrics, sampler
from paddle_otel.conventions.metric import Metric

# The package of the conventions in development has no type information.
gen_ai_attributes = import_module("opentelemetry.semconv._incubating.attributes.gen_ai_attributes")
hw_attributes = import_module("opentelemetry.semconv._incubating.attributes.hw_attributes")
gen_ai_metrics = import_module("opentelemetry.semconv._incubating.metrics.gen_ai_metrics")
system_attributes = import_module("opentelemetry.semconv._incubating.attributes.system_attributes")
hw_metrics = import_module("opentelemetry.semconv._incubating.metrics.hw_metrics")
system_metrics = import_module("opentelemetry.semconv._incubating.metrics.system_metrics")
process_metrics = import_module("opentelemetry.semconv._incubating.metrics.process_metrics")
container_metrics = import_module("opentelemetry.semconv._incubating.metrics.container_metrics")

# Names without one in the conventions that are not ours alone (also used by others), or newer than the oldest release.
# Called counters by mistake in the oldest releases that are supported.
COUNTERS_IN_OLD_PACKAGES: Final = {"container.memory.usage"}
NOT_IN_EVERY_PACKAGE: Final = {
    "process.gpu.memory.usage",
    "process.gpu.utilization",
    "system.memory.linux.available",
    "container.memory.available",
}

HARDWARE: Final = (*hardware.ALL, *gpu.ALL, *host.ALL, *disk.ALL)
ALL_METRICS: Final = (*metrics.ALL, *HARDWARE, *allocator.ALL, *sampler.ALL)
# Keys have dots; well-known values ("gpu", "stop") have none, but for the types of limits.
KEYS: Final = {
    name: cast("str", value)
    for name, value in vars(attributes).items()
    if name.isupper() and "." in str(value) and not name.startswith("LIMIT_")
}

SECONDS: Final = (0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92)
TOKENS: Final = tuple(4**power for power in range(14))
# https://opentelemetry.io/docs/specs/semconv/gen-ai/gen-ai-metrics/, v1.41
DOCUMENTED_BUCKETS: Final = {
    "gen_ai.client.operation.duration": SECONDS,
    "gen_ai.client.token.usage": TOKENS,
    "gen_ai.client.inference.duration": SECONDS,
    "gen_ai.client.inference.operation.input_tokens": TOKENS,
    "gen_ai.client.inference.operation.output_tokens": TOKENS,
    "gen_ai.server.request.duration": SECONDS,
    "gen_ai.server.time_to_first_token": (
        *(0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0),
    ),
    "gen_ai.server.time_per_output_token": (
        *(0.001, 0.0025, 0.005),  # ours: small local models are faster than the advised first bound
        *(0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0, 2.5),
    ),
}


def named(metric: Metric) -> str:
    """Name a parametrized test after its metric."""
    return metric.name


@pytest.mark.parametrize(
    ("prefix", "package", "at_least"),
    [("GEN_AI_", gen_ai_attributes, 14), ("HW_", hw_attributes, 7), ("ERROR_", error_attributes, 1)],
)
def test_keys_are_those_of_the_semantic_conventions(prefix: str, package: ModuleType, at_least: int) -> None:
    """A key that the installed conventions know is spelt as they spell it; older releases know fewer."""
    known = {name: key for name, key in KEYS.items() if name.startswith(prefix) and hasattr(package, name)}
    assert known == {name: getattr(package, name) for name in known}
    assert len(known) >= at_least


def test_values_are_those_of_the_semantic_conventions() -> None:
    """Well-known values of the hardware and error conventions."""
    assert hw_attributes.HwTypeValues.GPU.value == attributes.HW_TYPE_GPU
    assert hw_attributes.HwGpuTaskValues.GENERAL.value == attributes.GPU_TASK_GENERAL
    assert hw_attributes.HwGpuTaskValues.ENCODER.value == attributes.GPU_TASK_ENCODER
    assert hw_attributes.HwGpuTaskValues.DECODER.value == attributes.GPU_TASK_DECODER
    assert error_attributes.ErrorTypeValues.OTHER.value == attributes.ERROR_TYPE_OTHER


def test_device_values_are_those_of_the_semantic_conventions() -> None:
    """States, limits and types of devices, CPU modes, memory and paging states."""
    for enum, ours in (
        (hw_attributes.HwTypeValues, {attributes.HW_TYPE_GPU, attributes.HW_TYPE_PHYSICAL_DISK}),
        (
            hw_attributes.HwStateValues,
            {
                *(attributes.STATE_OK, attributes.STATE_DEGRADED, attributes.STATE_FAILED),
                attributes.STATE_PREDICTED_FAILURE,
            },
        ),
        (hw_attributes.HwLimitTypeValues, {attributes.LIMIT_HIGH_CRITICAL, attributes.LIMIT_HIGH_DEGRADED}),
        (hw_attributes.HwPhysicalDiskStateValues, {attributes.DISK_ENDURANCE_REMAINING}),
        (
            system_attributes.SystemMemoryStateValues,
            {
                *(attributes.MEMORY_USED, attributes.MEMORY_FREE),
                *(attributes.MEMORY_BUFFERS, attributes.MEMORY_CACHED),
            },
        ),
        (system_attributes.SystemPagingStateValues, {attributes.PAGING_USED, attributes.PAGING_FREE}),
        (system_attributes.SystemPagingDirectionValues, {attributes.PAGING_IN, attributes.PAGING_OUT}),
    ):
        assert ours <= {value.value for value in enum}


def _conventional(metric: Metric) -> tuple[ModuleType, str] | None:
    """Return the module of the conventions that knows a metric, and its function that creates it."""
    for module in (hw_metrics, system_metrics, process_metrics, container_metrics):
        function = f"create_{metric.name.replace('.', '_')}"
        if hasattr(module, function):
            return module, function
    return None


@pytest.mark.parametrize("metric", HARDWARE, ids=named)
def test_hardware_metrics_are_those_of_the_semantic_conventions(metric: Metric) -> None:
    """Name, unit and instrument are the conventions' where they know the metric; ours are read at collection."""
    assert metric.kind.startswith("observable_")
    known = _conventional(metric)
    if known is None:
        assert metric.name.startswith("paddle.") or metric.name in NOT_IN_EVERY_PACKAGE
        return
    meter = Mock()
    create = getattr(*known)
    create(meter, *([None] if "callbacks" in create.__annotations__ else []))
    ((method, _, created),) = meter.method_calls
    assert (created["name"], created["unit"]) == (metric.name, metric.unit)
    created_as = method.replace("observable_", "")
    if metric.name in COUNTERS_IN_OLD_PACKAGES and created_as == "create_counter":
        return
    assert f"create_{metric.kind}".replace("observable_", "") == created_as


def test_generation_metrics_are_those_of_the_semantic_conventions() -> None:
    """The published GenAI metrics have the published names; those renamed later are not in the package."""
    published = {value for name, value in vars(gen_ai_metrics).items() if name.startswith("GEN_AI_")}
    ours = {metric.name for metric in metrics.ALL if metric.name.startswith("gen_ai.")}
    assert ours & published == {
        "gen_ai.client.operation.duration",
        "gen_ai.client.token.usage",
        "gen_ai.server.request.duration",
        "gen_ai.server.time_to_first_token",
        "gen_ai.server.time_per_output_token",
    }
    assert all(name.startswith("gen_ai.client.inference.") for name in ours - published)


@pytest.mark.parametrize("metric", [metric for metric in metrics.ALL if metric.name in DOCUMENTED_BUCKETS], ids=named)
def test_generation_buckets_are_the_documented_ones(metric: Metric) -> None:
    """Percentiles of this project and of others can be compared, because their buckets are the same."""
    assert metric.buckets == DOCUMENTED_BUCKETS[metric.name]


def test_every_generation_histogram_has_documented_buckets() -> None:
    """None of them is left out of the comparison above."""
    histograms = {metric.name for metric in metrics.ALL if metric.kind == "histogram"}
    assert {name for name in histograms if name.startswith("gen_ai.")} == set(DOCUMENTED_BUCKETS)


@pytest.mark.parametrize("metric", ALL_METRICS, ids=named)
def test_buckets_rise_and_belong_to_histograms(metric: Metric) -> None:
    """The SDK's own buckets (0 to 10,000) say nothing about seconds or tokens, so each histogram has its own."""
    assert bool(metric.buckets) == (metric.kind == "histogram")
    assert list(metric.buckets) == sorted(set(metric.buckets))
    assert all(bound > 0 for bound in metric.buckets)


@pytest.mark.parametrize("metric", ALL_METRICS, ids=named)
def test_every_metric_is_described(metric: Metric) -> None:
    """Who meets a metric in a back end finds a sentence, a UCUM unit, and attributes of the contract."""
    assert metric.description.endswith(".")
    assert len(metric.description) > 10
    assert metric.unit in {"1", "s", "By", "W", "J", "Cel", "Hz"} or metric.unit.startswith("{")
    assert set(metric.attributes) <= set(KEYS.values())
    assert len(metric.attributes) == len(set(metric.attributes))


@pytest.mark.parametrize("names", [[metric.name for metric in ALL_METRICS], list(KEYS.values())], ids=["metric", "key"])
def test_no_name_is_used_twice(names: list[str]) -> None:
    """Two constants for one name would drift apart."""
    assert [name for name, times in Counter(names).items() if times > 1] == []


@pytest.mark.parametrize("name", [metric.name for metric in ALL_METRICS] + list(KEYS.values()))
def test_own_names_start_with_paddle(name: str) -> None:
    """A name is the conventions' or ours, and ours cannot collide with theirs."""
    conventions_of_others = (
        "container.",
        "cpu.",
        "disk.",
        "enduser.",
        "gen_ai.",
        "hw.",
        "network.",
        "process.",
        "system.",
    )
    assert name.startswith(("paddle.", *conventions_of_others)) or name == "error.type"


def test_the_schema_is_a_published_one() -> None:
    """The schema URL is one of OpenTelemetry's, spelt as they spell it."""
    published = {schema.value for schema in Schemas}
    assert conventions.SCHEMA_URL.rsplit("/", 1)[0] in {url.rsplit("/", 1)[0] for url in published}
