"""A description of a picture that is not reported as a generation: no part of it passes for a prediction instead."""

from typing import Any

import pytest

from conftest import Trouble
from library.expected import attributes_of, generation, generations, rows_of
from library.forward_readings import DURATION, predictions
from library.only_paddlenlp.test_vision_language import blip, pictures
from paddle_otel.operations.prediction import inside_model_call
from recording import Recorder

__all__ = ["blip", "pictures"]


@pytest.mark.parametrize(
    ("site", "seen"),
    [
        ("paddle_otel.pretrained.generate_patches.outer_request", 2),
        ("paddle_otel.operations.generation.Generation._start_span", 0),
    ],
)
def test_broken_telemetry(
    observed: Recorder,
    blip: Any,
    pictures: Any,
    monkeypatch: pytest.MonkeyPatch,
    telemetry_trouble: Trouble,
    site: str,
    seen: int,
) -> None:
    """The description is the same, also one that fails; what is left to be seen is the language model's generation."""
    telemetry_trouble.expected = True
    expected = rows_of(blip.generate(pictures, max_new_tokens=3)[0])
    with pytest.raises(AssertionError) as alone:
        blip.generate(pictures, decode_strategy="nope")
    assert len(generations(observed)) == 2
    observed.clear_spans()
    with monkeypatch.context() as broken:
        broken.setattr(site, None)
        assert rows_of(blip.generate(pictures, max_new_tokens=3)[0]) == expected
        with pytest.raises(AssertionError) as with_us:
            blip.generate(pictures, decode_strategy="nope")
    assert with_us.value.args == alone.value.args
    assert telemetry_trouble.sites
    assert len(generations(observed)) == seen
    assert [span.name for span in observed.spans() if span.name.startswith("predict ")] == []
    assert observed.points(DURATION) == []
    assert inside_model_call().get() is False
    observed.clear_spans()
    blip.generate(pictures, max_new_tokens=3)
    assert attributes_of(generation(observed))["paddle.batch_size"] == 2


def test_a_rank_that_does_not_report(
    observed: Recorder, blip: Any, pictures: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a second tensor-parallel rank the description is the same, and none of its steps is a prediction."""
    expected = rows_of(blip.generate(pictures, max_new_tokens=3)[0])
    monkeypatch.setattr(blip.config, "tensor_parallel_rank", 1, raising=False)
    observed.clear_spans()
    assert rows_of(blip.generate(pictures, max_new_tokens=3)[0]) == expected
    assert observed.spans() == []
    assert observed.point("gen_ai.server.request.duration").count == 1  # the one before, of the first rank
    assert observed.points(DURATION) == []
    assert inside_model_call().get() is False


def test_parts_are_predictions_by_themselves(observed: Recorder, blip: Any, pictures: Any, paddle: Any) -> None:
    """What the other tests here rule out would be seen: a call of the vision model alone is a prediction."""
    with paddle.no_grad():
        blip.vision_model(pictures)
    assert predictions(observed) == 1
