"""A pretrained model that is called as ``model(**inputs)``: what each prediction reports."""

import gc
import weakref
from typing import Any, cast

import pytest

import stacks
from library.expected import Prompts, typed
from library.forward_models import classifier
from library.forward_readings import DURATION, below_a_span, predictions
from recording import Recorder


@pytest.fixture
def model(stack: stacks.Stack, paddle: Any) -> Any:
    """A classifier around an encoder, in evaluation mode."""
    return classifier(stack, paddle)


def logits_of(output: Any) -> Any:
    """Return the logits of a language model, however its class hands them out."""
    first = cast("Any", output[0] if isinstance(output, (tuple, list)) else output)
    return getattr(first, "logits", first)


def test_a_forward_is_one_prediction(observed: Recorder, model: Any, prompts: Prompts) -> None:
    """Every attribute; the encoder inside the classifier is part of it."""
    found = below_a_span(observed, lambda: model(**prompts.both))
    assert typed(found) == typed(
        {
            "paddle.model.name": "unknown",
            "paddle.model.kind": "pretrained_model",
            "paddle.device": "cpu",
            "paddle.dtype": "float32",
            "paddle.batch_size": 2,
            "gen_ai.usage.input_tokens": 8,
            "paddle.prediction.input.names": ("input_ids", "attention_mask"),
            "paddle.prediction.input.leading_dimensions": (2, 2),
            "paddle.prediction.output.leading_dimensions": (2,),
        }
    )


def test_its_metrics(observed: Recorder, model: Any, prompts: Prompts) -> None:
    """Duration, batch size and tokens; nothing of a generation."""
    model(**prompts.both)
    labels = {"paddle.model.name": "unknown", "paddle.model.kind": "pretrained_model"}
    (duration,) = observed.points(DURATION)
    assert (duration.attributes, duration.count) == (labels, 1)
    model(**prompts.first)
    (rows,) = observed.points("paddle.prediction.batch_size")
    assert (rows.attributes, rows.value, rows.count) == (labels, 3, 2)
    (tokens,) = observed.points("paddle.tokens")
    assert (tokens.attributes, tokens.value) == ({"gen_ai.token.type": "input"}, 13)
    assert observed.points("gen_ai.client.operation.duration") == []


def test_positional_arguments_are_named(observed: Recorder, model: Any, prompts: Prompts) -> None:
    """As the parameters of the model's forward; an argument that is no tensor is left out."""
    inputs = prompts.both
    found = below_a_span(observed, lambda: model(inputs["input_ids"], inputs["attention_mask"], False))
    assert found["paddle.prediction.input.names"] == ("input_ids", "attention_mask")
    assert found["gen_ai.usage.input_tokens"] == 8


def test_outputs_of_a_mapping_are_named(observed: Recorder, stack: stacks.Stack, paddle: Any, prompts: Prompts) -> None:
    """What is ``None`` is left out."""
    model = classifier(stack, paddle, as_mapping=True)
    found = below_a_span(observed, lambda: model(**prompts.both))
    assert found["paddle.prediction.output.names"] == ("scores",)
    assert found["paddle.prediction.output.leading_dimensions"] == (2,)


def test_tokens_without_a_mask_are_unknown(observed: Recorder, model: Any, prompts: Prompts) -> None:
    """Rows are seen all the same; nobody guesses which ids are padding."""
    found = below_a_span(observed, lambda: model(prompts.both["input_ids"]))
    assert found["paddle.batch_size"] == 2
    assert "gen_ai.usage.input_tokens" not in found
    assert observed.points("paddle.tokens") == []


@pytest.mark.parametrize("kind", ["float32", "float64"])
def test_weights_instead_of_a_mask_are_no_count(
    observed: Recorder, model: Any, paddle: Any, prompts: Prompts, kind: str
) -> None:
    """A mask of fractions says how much, not which."""
    inputs = prompts.both
    inputs["attention_mask"] = paddle.cast(inputs["attention_mask"], kind) * 0.5
    assert "gen_ai.usage.input_tokens" not in below_a_span(observed, lambda: model(**inputs))


def test_a_mask_of_truth_values_counts(observed: Recorder, model: Any, paddle: Any, prompts: Prompts) -> None:
    """The type ``bool``."""
    inputs = prompts.both
    inputs["attention_mask"] = paddle.cast(inputs["attention_mask"], "bool")
    assert below_a_span(observed, lambda: model(**inputs))["gen_ai.usage.input_tokens"] == 8


def test_a_mask_over_a_cache_is_no_count(observed: Recorder, model: Any, paddle: Any) -> None:
    """One new token per row, and a mask that is as long as all before it."""
    inputs = {"input_ids": paddle.to_tensor([[5]]), "attention_mask": paddle.ones([1, 4], dtype="int64")}
    found = below_a_span(observed, lambda: model(**inputs))
    assert found["paddle.batch_size"] == 1
    assert "gen_ai.usage.input_tokens" not in found


def test_the_results_are_the_same(
    stack: stacks.Stack, recorder: Recorder, llama: Any, model: Any, paddle: Any, prompts: Prompts
) -> None:
    """Bit by bit, and of the same types."""
    other = classifier(stack, paddle, as_mapping=True)

    def results() -> list[Any]:
        scores, mapping, output = model(**prompts.both), other(**prompts.both), llama(**prompts.both)
        tensors = [scores, mapping["scores"], logits_of(output)]
        return [type(scores), type(mapping), type(output), *(tensor.numpy().tobytes() for tensor in tensors)]

    alone = results()
    instrumentor = stack.new_instrumentor()
    instrumentor.instrument(**recorder.providers)
    with_us = results()
    instrumentor.uninstrument()
    assert with_us == alone
    assert predictions(recorder) == 3


def test_a_failed_forward(observed: Recorder, model: Any, prompts: Prompts) -> None:
    """The library's exception as it is; its class on span and metric, what was given all the same, no output."""
    with pytest.raises(TypeError, match="no_such_input"):
        model(**prompts.both, no_such_input=1)
    assert observed.point(DURATION, error__type="TypeError").count == 1

    def failing() -> None:
        with pytest.raises(TypeError):
            model(**prompts.both, no_such_input=1)

    found = below_a_span(observed, failing)
    assert found["error.type"] == "TypeError"
    assert found["gen_ai.usage.input_tokens"] == 8
    assert "paddle.prediction.output.leading_dimensions" not in found
    model(**prompts.both)
    assert predictions(observed) == 3


def test_an_interrupted_forward(observed: Recorder, stack: stacks.Stack, paddle: Any, prompts: Prompts) -> None:
    """Ctrl-C comes through and ends the prediction; the next one is whole."""
    interrupts = iter([True, False])

    def before() -> None:
        if next(interrupts):
            raise KeyboardInterrupt

    model = classifier(stack, paddle, before)
    with pytest.raises(KeyboardInterrupt):
        model(**prompts.both)
    model(**prompts.both)
    kinds = sorted(point.attributes.get("error.type", "") for point in observed.points(DURATION))
    assert kinds == ["", "KeyboardInterrupt"]


def test_a_moved_model_reports_where_it_is(observed: Recorder, model: Any, prompts: Prompts) -> None:
    """The type after ``model.to(dtype=...)``, not the one at first sight."""
    assert below_a_span(observed, lambda: model(prompts.both["input_ids"]))["paddle.dtype"] == "float32"
    model.to(dtype="float64")
    assert below_a_span(observed, lambda: model(prompts.both["input_ids"]))["paddle.dtype"] == "float64"


def test_a_loaded_model_has_its_name(
    observed: Recorder, stack: stacks.Stack, llama: Any, prompts: Prompts, tmp_path: Any
) -> None:
    """And the models that it is made of have it when they are called by themselves, as an adapter does."""
    folder = tmp_path / "a-small-llama"
    llama.save_pretrained(str(folder))
    model = stack.module("transformers").LlamaForCausalLM.from_pretrained(str(folder))
    model.eval()
    inner = getattr(model, model.base_model_prefix)
    for called in (model, inner):
        observed.clear_spans()
        found = below_a_span(observed, lambda called=called: called(**prompts.both))
        assert found["paddle.model.name"] == "a-small-llama"
    assert observed.point(DURATION, paddle__model__name="a-small-llama").count == 2
    assert observed.point("paddle.tokens", gen_ai__request__model="a-small-llama").value == 16


def test_nothing_keeps_a_model_or_a_tensor_alive(
    observed: Recorder, stack: stacks.Stack, paddle: Any, prompts: Prompts
) -> None:
    """After the call nothing of ours refers to either."""
    model = classifier(stack, paddle)
    inputs = prompts.both
    output = model(**inputs)
    assert predictions(observed) == 1
    gone = [weakref.ref(model), weakref.ref(inputs["input_ids"]), weakref.ref(output)]
    del model, inputs, output
    gc.collect()
    assert [reference() for reference in gone] == [None] * 3
