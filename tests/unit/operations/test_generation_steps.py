"""What the steps of a generation tell of its tokens, where its result tells nothing."""

import pytest

from observed import OUTPUT, Generations, telemetry_on
from paddle_otel.operations.generation_facts import GenerationResponse
from recording import Recorder


@pytest.mark.parametrize(
    ("steps", "written", "counted"),
    [([2, 2, 1], 5, 5), ([2, None], None, 2), ([None, None], None, None), ([], None, None)],
    ids=["counted", "counted in part", "not counted", "no step"],
)
def test_a_failure_of_several_sequences(
    steps: list[int | None], written: int | None, counted: int | None, recorder: Recorder
) -> None:
    """The sum is told where every step's tokens are known; the counter keeps what it was told."""
    generation = Generations(telemetry_on(recorder)).start(sequences=2)
    assert [generation.step(tokens) for tokens in steps] == [False] * len(steps)
    generation.fail(ValueError(), GenerationResponse)
    (span,) = [span for span in recorder.spans() if span.name.startswith("chat")]
    assert (span.attributes or {}).get("gen_ai.usage.output_tokens") == written
    points = recorder.points("paddle.tokens")
    assert [point.value for point in points] == ([] if counted is None else [counted])
    assert all(point.attributes["gen_ai.token.type"] == OUTPUT["gen_ai__token__type"] for point in points)
