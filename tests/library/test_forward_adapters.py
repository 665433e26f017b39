"""A LoRA model calls the forward of the model inside it, and is that model."""

import importlib
from typing import Any

import pytest

import stacks
from library.expected import Prompts, generations
from library.forward_readings import DURATION
from recording import Recorder


@pytest.fixture
def adapted(observed: Recorder, stack: stacks.Stack, llama: Any, tmp_path: Any) -> Any:
    """A loaded Llama with a low-rank adapter, in evaluation mode."""
    folder = tmp_path / "a-small-llama"
    llama.save_pretrained(str(folder))
    model = stack.module("transformers").LlamaForCausalLM.from_pretrained(str(folder))
    peft = importlib.import_module(f"{stack.library}.peft")
    wrapped = peft.LoRAModel(model, peft.LoRAConfig(target_modules=[".*q_proj.*"], r=2, lora_alpha=4))
    wrapped.eval()
    observed.clear_spans()
    return wrapped


def test_an_adapted_model_is_one_prediction(observed: Recorder, adapted: Any, prompts: Prompts) -> None:
    """It is the whole model's, which gives logits; not its base model's, which gives hidden states."""
    with observed.tracer_provider.get_tracer("a service").start_as_current_span("request"):
        adapted(**prompts.both, return_dict=True)
    (span,) = observed.children(observed.span("request"))
    assert span.name == "predict a-small-llama"
    attributes = dict(span.attributes or {})
    assert attributes["gen_ai.usage.input_tokens"] == 8
    assert attributes["paddle.prediction.output.names"] == ("logits",)
    assert observed.point(DURATION).count == 1


def test_an_adapted_model_in_training_is_none(observed: Recorder, adapted: Any, prompts: Prompts) -> None:
    """Fine-tuning."""
    adapted.train()
    adapted(**prompts.both)
    assert observed.points(DURATION) == []


def test_an_adapted_model_generates(observed: Recorder, adapted: Any, prompts: Prompts) -> None:
    """One generation, no predictions."""
    adapted.generate(**prompts.both, max_new_tokens=2)
    assert len(generations(observed)) == 1
    assert observed.points(DURATION) == []
