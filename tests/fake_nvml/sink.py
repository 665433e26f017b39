"""A meter provider in memory, and the names of what it collects."""

from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader


class Sink:
    """A meter provider and what it collects."""

    def __init__(self) -> None:
        self.reader = InMemoryMetricReader()
        self.provider = MeterProvider([self.reader], shutdown_on_exit=False)

    def names(self) -> list[str]:
        """Collect once; return the name of the metric of each point, without those of the sampler itself."""
        data = self.reader.get_metrics_data()
        if data is None:
            return []
        metrics = [
            metric for resource in data.resource_metrics for scope in resource.scope_metrics for metric in scope.metrics
        ]
        names = [metric.name for metric in metrics for _ in metric.data.data_points]
        return [name for name in names if not name.startswith("paddle.sampler.")]
