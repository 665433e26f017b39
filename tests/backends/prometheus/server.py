"""A real Prometheus for tests, and its query API."""

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from backends.process import LocalServer
from backends.prometheus.samples import Exemplar, Metadata, Sample, Series, read_exemplars, read_samples, read_series
from backends.queries import BackendError, get_json, wait_until

_CONFIG = Path(__file__).with_name("config.yaml")
_HTTP = "http"
_FEATURES = ("exemplar-storage", "type-and-unit-labels")
_DAY_S = 86_400.0


class Prometheus(LocalServer):
    """Prometheus 3 that scrapes nothing and takes metrics over OTLP (over HTTP; it has no gRPC receiver).

    ``service.name`` becomes the label ``job`` and ``service.instance.id`` the label ``instance``: two processes that
    send under the same two write into the same series. Other resource attributes are labels of ``target_info``.
    A series that is no longer sent stays visible to ``query`` for five minutes.
    Series carry the labels ``__type__`` and ``__unit__``, which a Prometheus out of the box does not write: read-back
    takes them out of the labels, PromQL drops them like ``__name__`` except under ``without``.
    """

    tool = "prometheus"
    port_names = (_HTTP,)
    ready_path = "/api/v1/status/buildinfo"

    def arguments(self, folder: Path) -> list[str]:
        """Returns the command line; ``folder`` keeps the data."""
        return [
            f"--config.file={_CONFIG}",
            f"--storage.tsdb.path={folder / 'data'}",
            f"--web.listen-address=127.0.0.1:{self.port(_HTTP)}",
            "--web.enable-otlp-receiver",
            f"--enable-feature={','.join(_FEATURES)}",
        ]

    @property
    def otlp_metrics_endpoint(self) -> str:
        """The full address for OTLP metrics over HTTP (``OTEL_EXPORTER_OTLP_METRICS_ENDPOINT`` is used as it is)."""
        return f"{self.base_url}/api/v1/otlp/v1/metrics"

    def query(self, promql: str) -> list[Sample]:
        """Returns the value that an expression has now, for each series."""
        return read_samples(self._get("query", {"query": promql}))

    def query_exemplars(self, promql: str) -> list[Exemplar]:
        """Returns the exemplars of the series that an expression selects, from yesterday to tomorrow, oldest first."""
        now = time.time()
        asked = {"query": promql, "start": str(now - _DAY_S), "end": str(now + _DAY_S)}
        return read_exemplars(self._get("query_exemplars", asked))

    def series(self, match: str) -> list[Series]:
        """Returns the series that a selector matches, whenever they were sent, with type and unit."""
        return read_series(self._get("series", {"match[]": match}))

    def metadata(self, match: str = '{__name__=~".+"}') -> dict[str, Metadata]:
        """Returns type and unit of each metric that a selector matches, by its name in Prometheus.

        A histogram is there three times, as ``…_bucket``, ``…_count`` and ``…_sum``. Descriptions cannot be read back:
        ``/api/v1/metadata`` tells of scraped metrics only, so this reads the labels of the series.

        Raises:
            BackendError: a name was sent with two types or units.
        """
        found: dict[str, Metadata] = {}
        for series in self.series(match):
            if found.setdefault(series.name, series.metadata) != series.metadata:
                raise BackendError(f"{series.name} was sent as {found[series.name]} and as {series.metadata}.")
        return found

    def wait_for(
        self, promql: str, until: Callable[[list[Sample]], bool] = bool, timeout_s: float = 10.0
    ) -> list[Sample]:
        """Returns the result of a query as soon as it has any, or as soon as ``until`` says yes to it.

        Raises:
            BackendError: it was not there within ``timeout_s`` seconds.
        """
        return wait_until(f"result of {promql}", lambda: self.query(promql), until, timeout_s)

    def _get(self, what: str, parameters: Mapping[str, str]) -> Any:
        answer = get_json(f"{self.base_url}/api/v1/{what}", parameters)
        if answer["status"] != "success":
            raise BackendError(f"Prometheus could not answer {what} {dict(parameters)}: {answer}")
        return answer["data"]
