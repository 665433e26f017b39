"""Short ways to make what the operations need, on a recorder."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from opentelemetry.metrics import MeterProvider
from opentelemetry.trace import TracerProvider

from paddle_otel.operations.generation import Generation
from paddle_otel.operations.generation_facts import GenerationRequest, GenerationResponse
from paddle_otel.operations.generation_metrics import GenerationMetrics
from paddle_otel.operations.predicted_model import PredictionFacts
from paddle_otel.operations.telemetry import Telemetry
from paddle_otel.settings import Settings
from recording import Recorder

SCOPE: Final = "a.test"
INPUT: Final = {"gen_ai__token__type": "input"}
OUTPUT: Final = {"gen_ai__token__type": "output"}

# A usual response, the labels of its metrics, and the metrics that it gives: under the published names, and the others.
RESPONSE: Final = GenerationResponse(input_tokens=7, sequences_output_tokens=(3,), finish_reasons=("stop",))
LABELS: Final = {
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "paddlepaddle",
    "gen_ai.request.model": "Qwen2-0.5B",
    "gen_ai.response.model": "Qwen2-0.5B",
}
PUBLISHED: Final = {"gen_ai.client.operation.duration", "gen_ai.client.token.usage"}
UNCHANGED: Final = {
    "gen_ai.server.request.duration",
    "gen_ai.server.time_to_first_token",
    "gen_ai.server.time_per_output_token",
    "paddle.request.active",
    "paddle.tokens",
}


def telemetry_on(recorder: Recorder, settings: Settings | None = None) -> Telemetry:
    """Return a telemetry that reports to a recorder."""
    providers = recorder.tracer_provider, recorder.meter_provider
    return Telemetry(SCOPE, *providers, settings or Settings(), recorder.logger_provider)


def telemetry_to(
    tracer_provider: TracerProvider | None, meter_provider: MeterProvider | None, settings: Settings | None = None
) -> Telemetry:
    """Return a telemetry that reports to these providers."""
    return Telemetry(SCOPE, tracer_provider, meter_provider, settings or Settings())


class Read:
    """A reader of a prediction: it knows these facts, and one attribute that only a span needs.

    Attributes:
        described: How often it was asked for attributes.
    """

    def __init__(self, facts: PredictionFacts | None = None) -> None:
        self._facts = facts or PredictionFacts()
        self.described = 0

    def facts(self) -> PredictionFacts:
        """Return the facts."""
        return self._facts

    def span_attributes(self, result: Any, raised: BaseException | None) -> Mapping[str, Any]:  # noqa: ARG002 - has its own
        """Return the attribute."""
        self.described += 1
        return {"paddle.input.names": ("x",)}


class Generations:
    """Starts generations that report to a recorder."""

    def __init__(self, telemetry: Telemetry) -> None:
        self.telemetry = telemetry
        self.metrics = telemetry.meters.shared(GenerationMetrics)

    def start(self, operation: str = "chat", model: str | None = "Qwen2-0.5B", **request: Any) -> Generation:
        """Start a generation; its keywords are the request's."""
        generation = self.start_if_possible(operation, model, **request)
        assert generation is not None
        return generation

    def start_if_possible(self, operation: str = "chat", model: str | None = "m", **request: Any) -> Generation | None:
        """Start a generation, ``None`` where telemetry is broken."""
        return Generation.start(self.telemetry, self.metrics, GenerationRequest(operation, model, **request))

    def run(self, steps: int, response: GenerationResponse, **request: Any) -> Generation:
        """Run a generation from start to end."""
        generation = self.start(**request)
        for _ in range(steps):
            generation.step()
        generation.finish(lambda: response)
        return generation


def raising(error: BaseException) -> Callable[..., Any]:
    """Return a function that raises this, whatever it is called with."""

    def fail(*_: Any, **__: Any) -> Any:
        raise error

    return fail


def returning(value: object) -> Callable[..., Any]:
    """Return a function that returns this, whatever it is called with."""

    def give(*_: Any, **__: Any) -> Any:
        return value

    return give
