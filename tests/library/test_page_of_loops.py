"""The page of loops and servers of one's own lists what they emit: all of it, and nothing else."""

from collections.abc import Iterable
from typing import Any

import pytest

from budgeted import budget
from docs.generators import generator
from global_sdk import globally, no_sdk
from library.expected import attributes_of
from paddle_otel.conventions import metrics as m
from paddle_otel.identity import identify
from paddle_otel.operations import observe_generation, observe_prediction
from recording import Recorder

__all__ = ["globally", "no_sdk"]

LIBRARIES: dict[str, Any] = generator("emitted_by_library").LIBRARIES
WHO = identify(tenant="acme", user="u-1", session="s-1", request="r-1")
ALL_SAID: dict[str, Any] = {
    "batch_size": 1,
    "choices": 2,
    "input_tokens": 3,
    "max_tokens": 8,
    "temperature": 0.5,
    "top_p": 0.9,
    "top_k": 4,
    "seed": 7,
    "stream": True,
    "device": "cpu",
    "dtype": "float32",
}


def listed(of: str) -> set[str]:
    """Return the names of the attributes that the page lists for one kind of spans."""
    (kind,) = [one for one in LIBRARIES["operations"].spans if one.kind.of == of]
    return {name for name, _, _ in kind.attributes()}


def emitted(recorder: Recorder, names: Iterable[str]) -> set[str]:
    """Return the names of the attributes of all spans whose name begins so."""
    return {name for span in recorder.spans() if span.name.partition(" ")[0] in names for name in attributes_of(span)}


def test_the_rows_of_a_generation_are_what_loops_emit(globally: Recorder) -> None:
    """One that says all there is to say, one that a budget ends, one that fails."""
    with WHO:
        with observe_generation("a-loop", **ALL_SAID) as generation:
            generation.step(tokens=2)
            generation.step(tokens=2)
            generation.finish("stop", "length", output_tokens=[2, 2])
        with budget(1), observe_generation("a-loop", batch_size=1) as generation:
            assert generation.step()
        with pytest.raises(ConnectionError), observe_generation("a-loop"):
            raise ConnectionError
    assert emitted(globally, {"text_completion"}) == listed("a generation")


def test_the_rows_of_a_prediction_are_what_loops_emit(globally: Recorder, monkeypatch: pytest.MonkeyPatch) -> None:
    """Embeddings are predictions, too."""
    monkeypatch.setenv("PADDLE_OTEL_PREDICTION_SPANS", "always")
    with WHO:
        with observe_prediction("an-encoder", batch_size=4, device="cpu", embeddings=True) as prediction:
            prediction.set_input_tokens(31)
        with pytest.raises(ConnectionError), observe_prediction("an-encoder"):
            raise ConnectionError
    assert emitted(globally, {"predict", "embeddings"}) == listed("a prediction")


@pytest.mark.parametrize("name", LIBRARIES)
def test_what_only_steps_tell_is_listed_where_steps_are_seen(name: str) -> None:
    """A size of the key-value cache where there is its metric; the reason ``budget`` where there are steps to end."""
    library = LIBRARIES[name]
    rows = [row for one in library.spans for row in one.attributes()]
    has_cache = {row[0] for row in rows if row[0].startswith("paddle.kv_cache.")}
    assert has_cache == (
        {"paddle.kv_cache.size", "paddle.kv_cache.predicted_size"} if m.KV_CACHE_SIZE in library.metrics else set()
    )
    ends = any("`budget`" in meaning for attribute, _, meaning in rows if attribute == "gen_ai.response.finish_reasons")
    assert ends is (m.SERVER_TIME_TO_FIRST_TOKEN in library.metrics)
