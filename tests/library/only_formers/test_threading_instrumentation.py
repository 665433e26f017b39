"""With the stock instrumentation of threads a generation in a thread belongs to the trace that started it."""

import threading
from typing import Any

import pytest

import stacks
from library.expected import Prompts, generation
from recording import Recorder


@pytest.mark.usefixtures("stock_threads")
def test_a_streamed_generation_belongs_to_its_request(
    observed: Recorder, stack: stacks.Stack, llama: Any, prompts: Prompts, tokenizer: Any
) -> None:
    """The service reads the text while the thread generates; both are in the request's trace."""
    streamer = stack.module("generation").TextIteratorStreamer(tokenizer, timeout=30)
    options = {**prompts.first, "max_new_tokens": 4, "streamer": streamer}
    with observed.tracer_provider.get_tracer("a service").start_as_current_span("request") as request:
        thread = threading.Thread(target=lambda: llama.generate(**options))
        thread.start()
        assert "".join(streamer)
        thread.join()
    span = generation(observed)
    assert span.parent is not None
    assert span.parent.span_id == request.get_span_context().span_id
    assert [child.name for child in observed.children(span)] == ["prefill", "decode"]


@pytest.mark.usefixtures("stock_threads")
def test_a_chat_that_is_streamed_from_a_thread(
    observed: Recorder, stack: stacks.Stack, llama: Any, tokenizer: Any
) -> None:
    """Prompt from a template here, generation there: a chat."""
    inputs = stack.chat(tokenizer, "what is the capital of france", return_tensors="pd", return_dict=True)
    with observed.tracer_provider.get_tracer("a service").start_as_current_span("request"):
        thread = threading.Thread(target=lambda: llama.generate(**inputs, max_new_tokens=2))
        thread.start()
        thread.join()
    span = generation(observed)
    assert span.name == "chat"
    assert span.parent is not None
