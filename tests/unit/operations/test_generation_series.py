"""Which metrics of generations there are by choice of names, and how many series at most."""

import pytest

from observed import LABELS, PUBLISHED, RESPONSE, UNCHANGED, Generations, telemetry_on
from paddle_otel.operations.generation_facts import GenerationResponse
from paddle_otel.operations.generation_metrics import MAXIMUM_SERIES
from recording import Recorder

LATEST = {
    "gen_ai.client.inference.duration",
    "gen_ai.client.inference.operation.input_tokens",
    "gen_ai.client.inference.operation.output_tokens",
    "gen_ai.client.inference.usage.input_tokens",
    "gen_ai.client.inference.usage.output_tokens",
}


@pytest.mark.parametrize(
    ("opt_in", "names"),
    [
        ("", PUBLISHED),
        ("http,database", PUBLISHED),
        ("gen_ai_latest_experimental", LATEST),
        ("http, gen_ai_latest_experimental/dup", PUBLISHED | LATEST),
    ],
)
def test_opt_in_to_newer_names(
    recorder: Recorder, monkeypatch: pytest.MonkeyPatch, opt_in: str, names: set[str]
) -> None:
    """``OTEL_SEMCONV_STABILITY_OPT_IN`` chooses the published names, the newer ones, or both."""
    monkeypatch.setenv("OTEL_SEMCONV_STABILITY_OPT_IN", opt_in)
    Generations(telemetry_on(recorder)).run(3, RESPONSE)
    assert set(recorder.metrics()) == names | UNCHANGED
    if names & LATEST:
        counted = recorder.point("gen_ai.client.inference.usage.output_tokens")
        assert (counted.value, dict(counted.attributes)) == (3, {**LABELS, "gen_ai.token.modality": "text"})
        histogram = recorder.point("gen_ai.client.inference.operation.input_tokens")
        assert (histogram.value, histogram.count, dict(histogram.attributes)) == (7, 1, LABELS)


def test_the_number_of_series_is_bounded(recorder: Recorder) -> None:
    """Past the limit models are counted together without a name, and no token is lost."""
    generations = Generations(telemetry_on(recorder))
    for number in range(MAXIMUM_SERIES + 50):
        generations.run(1, GenerationResponse(1, (1,)), model=f"model {number}")
    points = recorder.points("paddle.tokens")
    assert len(points) <= MAXIMUM_SERIES + 2
    assert sum(point.value for point in points) == 2 * (MAXIMUM_SERIES + 50)
    assert any("gen_ai.request.model" not in point.attributes for point in points)
    assert len(recorder.points("paddle.request.active")) <= MAXIMUM_SERIES
