"""The hardware metrics of this process while they run: what is sampled, where it is shown, and who else is told."""

from typing import Final

from opentelemetry._logs import LoggerProvider
from opentelemetry.metrics import MeterProvider

from paddle_otel.diagnosis.generations_seen import GenerationsSeen
from paddle_otel.diagnosis.running import DIAGNOSIS
from paddle_otel.diagnosis.work import WORK
from paddle_otel.hardware.nvml.usage import GpuUsage
from paddle_otel.hardware.reporting import REPORTING, SAMPLER, add_kind
from paddle_otel.hardware_metrics.allocator import KIND
from paddle_otel.operations.resource_use import RESOURCE_USE
from paddle_otel.sampling.sampler import STALE_SECONDS, stale_after
from paddle_otel.settings import Settings

_GPU_USAGE: Final = GpuUsage(STALE_SECONDS)


def start(settings: Settings, meter_provider: MeterProvider | None, logger_provider: LoggerProvider | None) -> None:
    """Sample the hardware, show it, diagnose it, and tell operations what they use of it.

    Args:
        settings: As read from the environment.
        meter_provider: Where metrics go, the global one if ``None``.
        logger_provider: Where events go, the global one if ``None``.
    """
    add_kind(KIND)
    # As long as the sampler itself waits before it takes a driver for hanging.
    _GPU_USAGE.longest_pause = stale_after(settings.sampler_interval)
    SAMPLER.subscribe(_GPU_USAGE.note)
    seen = GenerationsSeen(meter_provider)
    WORK.tell_by(seen.output_tokens, seen.caches)
    DIAGNOSIS.start(logger_provider)
    SAMPLER.subscribe(DIAGNOSIS.follow)  # apart from the other events: a log processor that hangs keeps back its own
    REPORTING.start(meter_provider, settings.sampler_interval, logger_provider)
    RESOURCE_USE.tell_by(_GPU_USAGE.begin)


def stop() -> None:
    """End what :func:`start` began."""
    RESOURCE_USE.tell_by(None)
    DIAGNOSIS.stop()
    WORK.tell_by()
    REPORTING.stop()
