"""A generation calls its model once per step: none of these calls is a prediction, whether it is reported or not."""

from typing import Any

import pytest
from opentelemetry.instrumentation.utils import suppress_instrumentation

import stacks
from library.expected import Prompts, generations, rows_of
from library.forward_readings import DURATION
from recording import Recorder

STRATEGIES: dict[str, dict[str, Any]] = {
    "greedy": {"decode_strategy": "greedy_search"},
    "sampling": {"decode_strategy": "sampling", "top_k": 2},
    "beams": {"decode_strategy": "beam_search", "num_beams": 2},
    "groups of beams": {"decode_strategy": "beam_search", "num_beams": 4, "num_beam_groups": 2},
}


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_steps_are_no_predictions(observed: Recorder, llama: Any, prompts: Prompts, strategy: str) -> None:
    """In every decoding strategy: a generation, and nothing else."""
    llama.generate(**prompts.both, max_new_tokens=4, **STRATEGIES[strategy])
    assert len(generations(observed)) == 1
    assert observed.points(DURATION) == []


def test_a_model_is_called_by_itself_again_afterwards(
    observed: Recorder, llama: Any, paddle: Any, prompts: Prompts
) -> None:
    """Also after a generation that failed."""
    with pytest.raises(ValueError, match="num_return_sequences"):
        llama.generate(**prompts.both, num_return_sequences=2)
    llama.generate(**prompts.both, max_new_tokens=2)
    with paddle.no_grad():
        llama(**prompts.both)
    assert observed.point(DURATION).count == 1


def test_a_rank_that_does_not_report(observed: Recorder, stack: stacks.Stack, prompts: Prompts) -> None:
    """Neither the generation of a second tensor-parallel rank nor its steps; the first rank counts them."""
    model = stack.model("llama")
    options = {**prompts.both, "max_new_tokens": 3}
    expected = rows_of(model.generate(**options)[0])
    observed.clear_spans()
    model.config.tensor_parallel_rank = 1
    inner = getattr(model, model.base_model_prefix)
    inner.config = type(inner.config)(**stack.models["llama"].config)  # a part that would report by itself
    assert rows_of(model.generate(**options)[0]) == expected
    assert observed.spans() == []
    assert observed.points(DURATION) == []


@pytest.mark.parametrize(
    "site",
    [
        "paddle_otel.pretrained.generate_patches.GenerateArguments",
        "paddle_otel.operations.generation.Generation._start_span",
    ],
)
def test_a_generation_that_cannot_be_reported(
    observed: Recorder, llama: Any, prompts: Prompts, monkeypatch: pytest.MonkeyPatch, telemetry_trouble: Any, site: str
) -> None:
    """A bug of ours: its steps do not become predictions in its place, and the next call is seen again."""
    telemetry_trouble.expected = True
    options = {**prompts.both, "max_new_tokens": 3}
    expected = rows_of(llama.generate(**options)[0])
    with monkeypatch.context() as broken:
        broken.setattr(site, None)
        assert rows_of(llama.generate(**options)[0]) == expected
    assert len(generations(observed)) == 1
    assert observed.points(DURATION) == []
    with monkeypatch.context() as broken:
        broken.setattr(site, None)
        with pytest.raises(ValueError, match="num_return_sequences"):
            llama.generate(**prompts.both, num_return_sequences=2)
    llama(**prompts.both)
    assert observed.point(DURATION).count == 1


def test_a_suppressed_generation(observed: Recorder, llama: Any, prompts: Prompts) -> None:
    """Its steps are suppressed with it."""
    with suppress_instrumentation():
        llama.generate(**prompts.both, max_new_tokens=3)
    assert observed.spans() == []
    assert observed.points(DURATION) == []
