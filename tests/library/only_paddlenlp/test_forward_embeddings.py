"""Models and methods that make embeddings report the GenAI operation ``embeddings``; a bare encoder does not."""

from collections.abc import Callable
from typing import Any

import pytest

import stacks
from budgeted import budget, used
from library.expected import Prompts, attributes_of
from paddle_otel.budgets import BudgetExceeded
from recording import Recorder

SIZES = {"num_hidden_layers": 1, "num_attention_heads": 4, "intermediate_size": 16, "hidden_size": 32}
TEXT = {**SIZES, "vocab_size": stacks.VOCABULARY_SIZE, "max_position_embeddings": 16}
PICTURE = {**SIZES, "image_size": 8, "patch_size": 4}
PROJECTION = 8


def new(stack: stacks.Stack, paddle: Any, model: str, config: str, **options: Any) -> Any:
    """Return a small model of the library in evaluation mode."""
    transformers = stack.module("transformers")
    paddle.seed(stacks.WEIGHTS_SEED)
    made = getattr(transformers, model)(getattr(transformers, config)(**options))
    made.eval()
    return made


def ernie(stack: stacks.Stack, paddle: Any) -> Any:
    """Return a small bare encoder."""
    return new(stack, paddle, "ErnieModel", "ErnieConfig", **TEXT, pad_token_id=0)


def clip(stack: stacks.Stack, paddle: Any) -> Any:
    """Return a small model of texts and pictures."""
    parts = {"text_config": dict(TEXT), "vision_config": dict(PICTURE)}  # the configuration writes into them
    return new(stack, paddle, "CLIPModel", "CLIPConfig", **parts, projection_dim=PROJECTION)


@pytest.fixture
def pictures(paddle: Any) -> Any:
    """Three small pictures."""
    return paddle.ones([3, 3, 8, 8])


def the_span(recorder: Recorder, call: Callable[[], Any]) -> tuple[str, dict[str, Any]]:
    """Make a call below a recorded span; return name and attributes of the one span that it made."""
    with recorder.tracer_provider.get_tracer("a service").start_as_current_span("request"):
        call()
    (span,) = recorder.children(recorder.span("request"))
    recorder.clear_spans()
    return span.name, attributes_of(span)


def test_a_bare_encoder_is_a_prediction(observed: Recorder, stack: stacks.Stack, paddle: Any, prompts: Prompts) -> None:
    """Whether its caller pools the output into an embedding cannot be seen."""
    model = ernie(stack, paddle)
    name, found = the_span(observed, lambda: model(**prompts.both))
    assert name == "predict unknown"
    assert "gen_ai.operation.name" not in found
    assert found["gen_ai.usage.input_tokens"] == 8
    assert observed.points("gen_ai.client.operation.duration") == []


def test_text_features(observed: Recorder, stack: stacks.Stack, paddle: Any, prompts: Prompts) -> None:
    """``get_text_features`` of a model of texts and pictures: span, metrics, length of the vectors."""
    model = clip(stack, paddle)
    name, found = the_span(observed, lambda: model.get_text_features(**prompts.both))
    assert name == "embeddings"
    assert found["gen_ai.operation.name"] == "embeddings"
    assert found["gen_ai.provider.name"] == "paddlepaddle"
    assert found["gen_ai.embeddings.dimension.count"] == PROJECTION
    assert found["gen_ai.usage.input_tokens"] == 8
    assert found["paddle.batch_size"] == 2
    labels = {"gen_ai.operation.name": "embeddings", "gen_ai.provider.name": "paddlepaddle"}
    (duration,) = observed.points("gen_ai.client.operation.duration")
    assert (duration.attributes, duration.count) == (labels, 1)
    (usage,) = observed.points("gen_ai.client.token.usage")
    assert (usage.attributes, usage.value) == ({**labels, "gen_ai.token.type": "input"}, 8)
    assert observed.point("paddle.tokens").value == 8
    assert observed.point("paddle.prediction.duration").count == 1


def test_image_features(observed: Recorder, stack: stacks.Stack, paddle: Any, pictures: Any) -> None:
    """Pictures have rows and no tokens."""
    model = clip(stack, paddle)
    name, found = the_span(observed, lambda: model.get_image_features(pictures))
    assert name == "embeddings"
    assert found["paddle.batch_size"] == 3
    assert found["gen_ai.embeddings.dimension.count"] == PROJECTION
    assert "gen_ai.usage.input_tokens" not in found
    assert observed.points("gen_ai.client.token.usage") == []


def test_a_comparison_is_a_prediction(
    observed: Recorder, stack: stacks.Stack, paddle: Any, prompts: Prompts, pictures: Any
) -> None:
    """The whole model compares texts with pictures: its result are scores."""
    model = clip(stack, paddle)
    name, _ = the_span(observed, lambda: model(pixel_values=pictures, **prompts.both))
    assert name == "predict unknown"


@pytest.mark.parametrize("as_mapping", [True, False])
def test_a_model_with_projection(
    observed: Recorder, stack: stacks.Stack, paddle: Any, prompts: Prompts, as_mapping: bool
) -> None:
    """Its class makes nothing but embeddings, however they are returned."""
    model = new(stack, paddle, "CLIPTextModelWithProjection", "CLIPTextConfig", **TEXT, projection_dim=PROJECTION)
    name, found = the_span(observed, lambda: model(**prompts.both, return_dict=as_mapping))
    assert name == "embeddings"
    assert found["gen_ai.embeddings.dimension.count"] == PROJECTION


def test_a_dual_encoder(observed: Recorder, stack: stacks.Stack, paddle: Any, prompts: Prompts, tmp_path: Any) -> None:
    """``get_pooled_embedding``: the encoder that it calls makes embeddings then, and only then."""
    encoder = new(stack, paddle, "ErnieEncoder", "ErnieConfig", **TEXT, pad_token_id=0)
    folder = tmp_path / "a-query-encoder"
    encoder.save_pretrained(str(folder))
    both = stack.module("transformers").ErnieDualEncoder(str(folder), share_parameters=True)
    both.eval()
    observed.clear_spans()
    name, found = the_span(observed, lambda: both.get_pooled_embedding(**prompts.both))
    assert name == "embeddings a-query-encoder"
    assert found["gen_ai.request.model"] == "a-query-encoder"
    assert found["gen_ai.usage.input_tokens"] == 8
    name, _ = the_span(observed, lambda: both.query_ernie(**prompts.both))
    assert name == "predict a-query-encoder"


def test_features_are_the_same(
    stack: stacks.Stack, recorder: Recorder, paddle: Any, prompts: Prompts, pictures: Any
) -> None:
    """Bit by bit, and the methods are the library's own again afterwards."""
    model, kind = clip(stack, paddle), stack.module("transformers").CLIPModel
    methods = {name: kind.__dict__[name] for name in ("get_text_features", "get_image_features")}

    def results() -> list[bytes]:
        outputs = (model.get_text_features(**prompts.both), model.get_image_features(pictures))
        return [output.numpy().tobytes() for output in outputs]

    alone = results()
    instrumentor = stack.new_instrumentor()
    instrumentor.instrument(**recorder.providers)
    assert results() == alone
    instrumentor.uninstrument()
    assert recorder.point("paddle.prediction.duration").count == 2
    assert all(kind.__dict__[name] is method for name, method in methods.items())


def test_a_budget_refuses_embeddings(observed: Recorder, stack: stacks.Stack, paddle: Any, prompts: Prompts) -> None:
    """Before the model is called; a model of which nobody knows that it makes embeddings is counted only."""
    texts, bare = clip(stack, paddle), ernie(stack, paddle)
    with budget(8, "refuse", scope="process", counts="input") as name:
        bare(**prompts.both)
        bare(**prompts.both)
        assert used(name) == 16
        with pytest.raises(BudgetExceeded):
            texts.get_text_features(**prompts.both)
    assert texts.get_text_features(**prompts.both).shape == [2, PROJECTION]
    usage = [dict(event.attributes or {}) for event in observed.events("paddle.usage")]
    assert [one["gen_ai.usage.input_tokens"] for one in usage] == [8, 8, 0, 8]
