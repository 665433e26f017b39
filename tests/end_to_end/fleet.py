"""Several instrumented processes on one host, and what a Prometheus has received from them."""

import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from typing_extensions import Self

from backends.queries import get_json
from backends.servers import Prometheus
from end_to_end.running import PROGRAMS, instrumented

INTERVAL_S = 1.0
"""Seconds between two exports of a process."""


def variables(prometheus: Prometheus, service: str) -> dict[str, str]:
    """Return the settings with which a process exports its metrics, and nothing else, to a Prometheus."""
    return {
        "OTEL_SERVICE_NAME": service,
        "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
        "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": prometheus.otlp_metrics_endpoint,
        "OTEL_TRACES_EXPORTER": "none",
        "OTEL_LOGS_EXPORTER": "none",
        "OTEL_METRIC_EXPORT_INTERVAL": str(int(INTERVAL_S * 1000)),
        "PADDLE_OTEL_SAMPLER_INTERVAL": "0.2",
    }


class Member:
    """A process that does nothing but to be observed.

    Args:
        environment: Of the process.
        name: Its ``service.instance.id``.
        folder: Its working directory.
    """

    def __init__(self, environment: Mapping[str, str], name: str, folder: Path) -> None:
        self.name = name
        self._log = folder / f"{name}.log"
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                instrumented(str(PROGRAMS / "waits.py")),
                env={**environment, "OTEL_RESOURCE_ATTRIBUTES": f"service.instance.id={name}"},
                cwd=folder,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )

    def wait_until_ready(self) -> Self:
        """Wait until it has imported Paddle."""
        assert self._process.stdout is not None
        assert self._process.stdout.readline().startswith("ready"), self.log
        return self

    @property
    def log(self) -> str:
        """What it has printed on standard error."""
        return self._log.read_text(encoding="utf-8", errors="replace")

    def kill(self) -> float:
        """Kill it (SIGKILL); return when, seconds since 1970."""
        self._process.kill()
        self._process.wait()
        when = time.time()
        self._process.communicate()
        return when

    def end(self) -> int:
        """Let it end by itself; return its exit code."""
        self._process.communicate(timeout=60)
        return self._process.returncode


@dataclass(frozen=True)
class Told:
    """One value that a process has told of a series.

    Attributes:
        time_s: When, seconds since 1970.
        instance: Which process.
        value: The value.
    """

    time_s: float
    instance: str
    value: float


Series = tuple[tuple[str, str], ...]
"""What tells a series from others, without the process it comes from."""

_OF_PROMETHEUS = {"instance", "__type__", "__unit__", "otel_scope_name", "otel_scope_version", "otel_scope_schema_url"}


def told(prometheus: Prometheus, selector: str, seconds: int = 300) -> dict[Series, list[Told]]:
    """Return everything that was told of the series that a selector matches, oldest first, by all processes."""
    answer: Any = get_json(f"{prometheus.base_url}/api/v1/query", {"query": f"{selector}[{seconds}s]"})
    found: dict[Series, list[Told]] = {}
    for series in answer["data"]["result"]:
        labels: dict[str, str] = series["metric"]
        key = tuple(sorted(item for item in labels.items() if item[0] not in _OF_PROMETHEUS))
        values = [Told(at, labels["instance"], float(value)) for at, value in series["values"]]
        found.setdefault(key, []).extend(values)
    return {key: sorted(values, key=lambda one: one.time_s) for key, values in found.items()}


def owners(values: list[Told]) -> list[str]:
    """Return which processes told a series, one after the other: two at a time alternate."""
    names = [one.instance for one in values]
    return [name for name, before in zip(names, [None, *names], strict=False) if name != before]
