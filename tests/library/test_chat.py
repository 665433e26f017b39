"""A prompt that came from a chat template makes the generation a chat; its tokenizer's time is known."""

import threading
from typing import Any

import pytest
from opentelemetry.sdk.trace import ReadableSpan

import stacks
from library.expected import attributes_of, generation, generations, typed
from library.tokens import plain, tokens_in
from library.words import TEMPLATE_WORDS
from recording import Recorder

TOKENIZE = "paddle.tokenize.duration"
QUESTION = "what is the capital of france"
OTHER = "a river runs through the capital"
LIMIT = {"max_new_tokens": 2}
TENSORS = {"return_tensors": "pd", "return_attention_mask": True}


def prompt(encoding: Any) -> dict[str, Any]:
    """Return keyword arguments for ``generate``: the tokenizer's own tensors."""
    return {"input_ids": encoding["input_ids"], "attention_mask": encoding["attention_mask"]}


def template(stack: stacks.Stack, tokenizer: Any, text: str) -> Any:
    """Return the text that the chat template makes of a question."""
    return tokenizer.apply_chat_template(stack.conversation(text), tokenize=False)


def operation(span: ReadableSpan) -> str:
    """Return a generation's operation, which its name is made of."""
    name = str(attributes_of(span)["gen_ai.operation.name"])
    assert span.name == name
    return name


def assert_chat(observed: Recorder, tokens: int) -> None:
    """Check the one generation, and that its tokenizer call is the only one."""
    span = generation(observed)
    assert operation(span) == "chat"
    (duration,) = observed.points("paddle.tokenizer.duration")
    assert duration.count == 1
    assert typed(attributes_of(span))[TOKENIZE] == ("float", duration.value)
    assert observed.point("paddle.tokenizer.tokens").value == tokens
    assert attributes_of(span)["gen_ai.usage.input_tokens"] == tokens
    (usage, _) = observed.points("gen_ai.client.token.usage")
    assert usage.attributes["gen_ai.operation.name"] == "chat"


def test_a_template_that_is_tokenized_at_once(
    observed: Recorder, stack: stacks.Stack, llama: Any, tokenizer: Any
) -> None:
    """``apply_chat_template(tokenize=True)``: text, ids and tensors in one call."""
    inputs = stack.chat(tokenizer, QUESTION, return_tensors="pd")
    llama.generate(**prompt(inputs), **LIMIT)
    assert_chat(observed, tokens_in(inputs))


def test_a_template_whose_text_is_tokenized_later(
    observed: Recorder, stack: stacks.Stack, llama: Any, tokenizer: Any
) -> None:
    """Template, tokenizer, generate: three calls. Rendering text is no tokenizer call."""
    text = template(stack, tokenizer, QUESTION)
    assert observed.points("paddle.tokenizer.duration") == []
    inputs = tokenizer(text, **TENSORS)
    llama.generate(**prompt(inputs), **LIMIT)
    assert_chat(observed, tokens_in(inputs))


def test_a_batch_of_templates(observed: Recorder, stack: stacks.Stack, llama: Any, tokenizer: Any) -> None:
    """All texts of the batch came from the template."""
    texts = [template(stack, tokenizer, question) for question in (QUESTION, OTHER)]
    inputs = tokenizer(texts, padding=True, **TENSORS)
    llama.generate(**prompt(inputs), **LIMIT)
    assert_chat(observed, tokens_in(inputs))


def test_ids_that_the_caller_put_into_tensors(
    observed: Recorder, stack: stacks.Stack, llama: Any, tokenizer: Any, paddle: Any
) -> None:
    """The tokenizer gave lists; rows and columns of the tensors tell that they are the same."""
    inputs = stack.chat(tokenizer, QUESTION)
    ids, mask = (paddle.to_tensor([inputs[name]]) for name in ("input_ids", "attention_mask"))
    llama.generate(ids, attention_mask=mask, **LIMIT)
    assert_chat(observed, tokens_in(inputs))


def test_a_plain_prompt_is_a_completion(observed: Recorder, llama: Any, tokenizer: Any) -> None:
    """Its tokenizer's time is known as well."""
    llama.generate(**prompt(tokenizer(QUESTION, **TENSORS)), **LIMIT)
    span = generation(observed)
    assert operation(span) == "text_completion"
    assert attributes_of(span)[TOKENIZE] == observed.point("paddle.tokenizer.duration").value


def test_one_plain_text_among_templates_is_no_chat(
    observed: Recorder, stack: stacks.Stack, llama: Any, tokenizer: Any
) -> None:
    """Half a chat is not claimed to be one."""
    texts = [template(stack, tokenizer, QUESTION), OTHER]
    llama.generate(**prompt(tokenizer(texts, padding=True, **TENSORS)), **LIMIT)
    assert operation(generation(observed)) == "text_completion"


def test_the_very_tensors_are_recognised(observed: Recorder, stack: stacks.Stack, llama: Any, tokenizer: Any) -> None:
    """Not the call that came last: tensors of the same shape that are used in another order keep their origin."""
    chat = tokenizer(template(stack, tokenizer, QUESTION), **TENSORS)
    other = tokenizer(template(stack, tokenizer, QUESTION).replace("france", "paris"), **TENSORS)
    assert list(chat["input_ids"].shape) == list(other["input_ids"].shape)
    llama.generate(**prompt(chat), **LIMIT)
    llama.generate(**prompt(other), **LIMIT)
    llama.generate(**prompt(chat), **LIMIT)
    assert [operation(span) for span in generations(observed)] == ["chat", "text_completion", "chat"]


def test_other_ids_after_a_chat_are_no_chat(
    observed: Recorder, stack: stacks.Stack, llama: Any, tokenizer: Any, paddle: Any
) -> None:
    """Ids of the same shape that no tokenizer made: the shape was spent on the first generation."""
    inputs = stack.chat(tokenizer, QUESTION, return_tensors="pd")
    llama.generate(**prompt(inputs), **LIMIT)
    llama.generate(paddle.ones_like(inputs["input_ids"]), attention_mask=inputs["attention_mask"], **LIMIT)
    chat, other = generations(observed)
    assert (operation(chat), operation(other)) == ("chat", "text_completion")
    assert TOKENIZE not in attributes_of(other)


@pytest.mark.parametrize("at_once", [True, False], ids=["tokenized at once", "tokenized later"])
def test_a_chat_that_is_generated_in_another_thread(
    at_once: bool, observed: Recorder, stack: stacks.Stack, llama: Any, tokenizer: Any
) -> None:
    """As streaming services do: the prompt is made here, generated there."""
    if at_once:
        inputs = stack.chat(tokenizer, QUESTION, return_tensors="pd")
    else:
        inputs = tokenizer(template(stack, tokenizer, QUESTION), **TENSORS)
    thread = threading.Thread(target=lambda: llama.generate(**prompt(inputs), **LIMIT))
    thread.start()
    thread.join()
    assert_chat(observed, tokens_in(inputs))


def test_the_result_of_a_template_is_the_same_with_and_without(
    observed: Recorder, stack: stacks.Stack, tokenizer: Any
) -> None:
    """Text, lists and tensors."""

    def results() -> list[Any]:
        text = template(stack, tokenizer, QUESTION)
        inputs = stack.chat(tokenizer, QUESTION)
        tensors = stack.chat(tokenizer, QUESTION, return_tensors="pd")
        return [type(text), text, plain(inputs), plain(tensors)]

    with_us = results()
    stack.new_instrumentor().uninstrument()
    assert with_us == results()
    assert observed.spans() == []


def test_a_template_that_fails(observed: Recorder, stack: stacks.Stack, tokenizer: Any) -> None:
    """No conversation at all: the library's exception arrives unchanged."""
    with pytest.raises(Exception) as with_us:  # noqa: PT011 - which one it is differs between tokenizers
        tokenizer.apply_chat_template(7, tokenize=False)
    stack.new_instrumentor().uninstrument()
    with pytest.raises(with_us.type) as alone:
        tokenizer.apply_chat_template(7, tokenize=False)
    assert (type(with_us.value), with_us.value.args) == (type(alone.value), alone.value.args)
    assert observed.spans() == []


def test_no_text_and_no_ids_leave_the_process(
    observed: Recorder, stack: stacks.Stack, llama: Any, tokenizer: Any
) -> None:
    """Not in names, attributes, events or metrics, under a recording span too."""
    with observed.tracer_provider.get_tracer("a service").start_as_current_span("request"):
        inputs = stack.chat(tokenizer, QUESTION, return_tensors="pd")
        ids, _ = llama.generate(**prompt(inputs), max_new_tokens=4)
        tokenizer.batch_decode(ids.tolist())
    told = "".join([*(span.to_json() for span in observed.spans()), str(observed.metrics())])
    assert "chat" in told
    assert not [word for word in ("capital", "france", *TEMPLATE_WORDS) if word in told]
    for held in (inputs["input_ids"], ids):
        listed = ", ".join(map(str, held.tolist()[0]))
        assert listed not in told
        assert listed.replace(" ", "") not in told.replace(" ", "")
