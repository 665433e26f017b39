"""``from_pretrained`` of models and tokenizers: a span, a duration, the model's state and its name."""

import gc
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest
from opentelemetry.trace import SpanKind, StatusCode

import stacks
from library.expected import attributes_of, generation, rows_of, seconds, typed
from recording import Recorder

MODEL = "tiny-llama-7"
BOUNDS = (0.01, 0.05, 0.1, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0)
NONE = {"loading": 0, "ready": 0, "failed": 0, "unloaded": 0}


@pytest.fixture(scope="session")
def folder(llama: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small Llama, saved without us."""
    place = tmp_path_factory.mktemp("models") / MODEL
    llama.save_pretrained(str(place))
    return place


@pytest.fixture
def load(stack: stacks.Stack, folder: Path) -> Callable[..., Any]:
    """Loads the small Llama through its own class, or through the one whose name is given."""

    def from_pretrained(class_name: str = "LlamaForCausalLM", place: Path = folder) -> Any:
        model = getattr(stack.module("transformers"), class_name).from_pretrained(str(place))
        model.eval()
        return model

    return from_pretrained


def states(observed: Recorder, name: str = MODEL) -> dict[str, float]:
    """Return how many models of a name are in each state."""
    points = observed.points("paddle.model.state")
    return {
        str(point.attributes["paddle.model.state"]): point.value
        for point in points
        if point.attributes["paddle.model.name"] == name
    }


@pytest.mark.parametrize("class_name", ["LlamaForCausalLM", "AutoModelForCausalLM"])
def test_a_model_is_loaded_once(class_name: str, observed: Recorder, load: Callable[..., Any]) -> None:
    """One span and one duration, through the class itself and through the automatic one; named without its path."""
    load(class_name)
    (span,) = observed.spans()
    assert span.name == f"load_model {MODEL}"
    assert span.kind is SpanKind.INTERNAL
    assert span.status.status_code is StatusCode.UNSET
    assert typed(attributes_of(span)) == typed(
        {
            "paddle.model.name": MODEL,
            "paddle.model.kind": "pretrained_model",
            "paddle.model.class": "LlamaForCausalLM",
        }
    )
    collected = observed.metrics()["paddle.model.load.duration"]
    assert collected.unit == "s"
    point: Any = collected.data.data_points[0]
    assert len(collected.data.data_points) == 1
    assert dict(point.attributes) == {"paddle.model.name": MODEL, "paddle.model.kind": "pretrained_model"}
    assert (point.count, point.explicit_bounds) == (1, BOUNDS)
    assert point.sum == pytest.approx(seconds(span), abs=2e-9)


def test_the_state_follows_the_model(observed: Recorder, load: Callable[..., Any]) -> None:
    """Ready when it was loaded, unloaded when it is gone."""
    model = load()
    assert states(observed) == {**NONE, "ready": 1}
    second = load()
    assert states(observed) == {**NONE, "ready": 2}
    del model
    gc.collect()
    assert states(observed) == {**NONE, "ready": 1, "unloaded": 1}
    del second
    gc.collect()
    assert states(observed) == {**NONE, "unloaded": 2}
    assert observed.metrics()["paddle.model.state"].unit == "1"


def test_a_model_that_is_being_loaded(
    observed: Recorder, load: Callable[..., Any], stack: stacks.Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While it runs, the state is loading, and what the library does belongs to the span."""
    seen: list[dict[str, float]] = []
    config = stack.module("transformers").LlamaConfig
    original = config.from_pretrained

    def looking(*args: Any, **kwargs: Any) -> Any:
        seen.append(states(observed))
        return original(*args, **kwargs)

    monkeypatch.setattr(config, "from_pretrained", looking)
    held = load()
    assert held is not None
    assert seen[0] == {**NONE, "loading": 1}
    assert states(observed) == {**NONE, "ready": 1}


@pytest.mark.usefixtures("observed")
def test_the_model_is_the_same_as_without(
    load: Callable[..., Any], llama: Any, prompts: Any, stack: stacks.Stack
) -> None:
    """Class, weights and answers."""
    loaded = load()
    assert type(loaded) is type(llama)
    weights, expected = loaded.state_dict(), llama.state_dict()
    assert weights.keys() == expected.keys()
    assert all((weights[name].numpy() == expected[name].numpy()).all() for name in weights)
    stack.new_instrumentor().uninstrument()
    options = {**prompts.both, "max_new_tokens": 4}
    assert rows_of(loaded.generate(**options)[0]) == rows_of(llama.generate(**options)[0])


def test_generations_carry_the_models_name(observed: Recorder, load: Callable[..., Any], prompts: Any) -> None:
    """On the span, on its children's parent and on every metric; never the path."""
    load().generate(**prompts.first, max_new_tokens=3, eos_token_id=None)
    span = generation(observed)
    assert span.name == f"text_completion {MODEL}"
    assert attributes_of(span)["gen_ai.request.model"] == MODEL
    assert attributes_of(span)["gen_ai.response.model"] == MODEL
    both = {"gen_ai.request.model": MODEL, "gen_ai.response.model": MODEL}
    for name in ("operation.duration", "token.usage"):
        for point in observed.points(f"gen_ai.client.{name}"):
            assert both.items() <= dict(point.attributes).items(), name
    for name in ("request.duration", "time_to_first_token", "time_per_output_token"):
        (point,) = observed.points(f"gen_ai.server.{name}")
        assert both.items() <= dict(point.attributes).items(), name
    for name in ("paddle.tokens", "paddle.request.active", "paddle.kv_cache.size"):
        points = observed.points(name)
        assert {point.attributes["gen_ai.request.model"] for point in points} == {MODEL}, name


def test_no_path_leaves_the_process(observed: Recorder, load: Callable[..., Any], prompts: Any, folder: Path) -> None:
    """Only the last part of it is told."""
    load().generate(**prompts.first, max_new_tokens=2)
    told = "".join([*(span.to_json() for span in observed.spans()), str(observed.metrics())])
    assert MODEL in told
    assert str(folder.parent) not in told
    assert folder.parent.name not in told


@pytest.mark.parametrize("class_name", ["LlamaForCausalLM", "AutoModelForCausalLM"])
def test_a_model_that_is_not_there(
    class_name: str, observed: Recorder, load: Callable[..., Any], tmp_path: Path, stack: stacks.Stack
) -> None:
    """The library's exception arrives; the span and the duration say that it failed; the state is failed."""
    (tmp_path / "no-model").mkdir()
    with pytest.raises(Exception) as with_us:  # noqa: PT011 - which one it is differs between libraries
        load(class_name, tmp_path / "no-model")
    failed = {"error.type": _error_type(with_us.type)}
    if class_name == "LlamaForCausalLM":
        (span,) = observed.spans()
        assert (span.name, span.status.status_code) == ("load_model no-model", StatusCode.ERROR)
        assert failed.items() <= attributes_of(span).items()
        (point,) = observed.points("paddle.model.load.duration")
        assert failed.items() <= dict(point.attributes).items()
        assert states(observed, "no-model") == {**NONE, "failed": 1}
    stack.new_instrumentor().uninstrument()
    with pytest.raises(with_us.type) as alone:
        load(class_name, tmp_path / "no-model")
    assert with_us.value.args == alone.value.args


def _error_type(kind: type[BaseException]) -> str:
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


@pytest.mark.parametrize("automatic", [False, True])
def test_a_tokenizer_is_loaded_once(
    automatic: bool, observed: Recorder, stack: stacks.Stack, tokenizer: Any, tmp_path: Path
) -> None:
    """Through its own class and through ``AutoTokenizer``: one span, one duration, and no state."""
    place = tmp_path / "some-tokenizer"
    tokenizer.save_pretrained(str(place))
    observed.clear_spans()
    before = sum(point.count for point in observed.points("paddle.model.load.duration"))
    class_ = stack.module("transformers").AutoTokenizer if automatic else cast("Any", type(tokenizer))
    loaded: Any = class_.from_pretrained(str(place))
    assert loaded.decode(loaded("what is", add_special_tokens=False)["input_ids"]) == "what is"
    (span,) = observed.spans()
    assert span.name == "load_model some-tokenizer"
    assert attributes_of(span) == {
        "paddle.model.name": "some-tokenizer",
        "paddle.model.kind": "tokenizer",
        "paddle.model.class": type(loaded).__name__,
    }
    point = observed.point("paddle.model.load.duration", paddle__model__name="some-tokenizer")
    assert dict(point.attributes) == {"paddle.model.name": "some-tokenizer", "paddle.model.kind": "tokenizer"}
    assert sum(point.count for point in observed.points("paddle.model.load.duration")) == before + 1
    assert states(observed, "some-tokenizer") == {}
