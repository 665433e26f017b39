"""Generations at the same time, inside each other, and inside a trace."""

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from opentelemetry import trace

import stacks
from library.expected import Prompts, attributes_of, expected_attributes, facts, generation, generations, rows_of, typed
from recording import Recorder

THREADS = 8


def test_eight_at_a_time_keep_their_own_spans(observed: Recorder, llama: Any, paddle: Any) -> None:
    """Each thread has a request of its own, a prompt of its own length and a limit of its own."""
    tracer = observed.tracer_provider.get_tracer("a service")
    begin = threading.Barrier(THREADS)

    def request(number: int) -> list[list[int]]:
        ids = paddle.to_tensor([list(range(3, 6 + number))])
        begin.wait(60)
        with tracer.start_as_current_span(f"request {number}"):
            result, _ = llama.generate(
                ids, attention_mask=paddle.ones_like(ids), max_new_tokens=2 + number, eos_token_id=None
            )
        return rows_of(result)

    with ThreadPoolExecutor(THREADS) as pool:
        results = list(pool.map(request, range(THREADS)))
    assert len(observed.spans()) == 4 * THREADS
    for number, rows in enumerate(results):
        (span,) = observed.children(observed.span(f"request {number}"))
        assert facts(span) == typed(expected_attributes(rows, {stacks.EOS}, 2 + number, 3 + number))
        assert [child.name for child in observed.children(span)] == ["prefill", "decode"]
        assert attributes_of(span)["gen_ai.usage.output_tokens"] == 2 + number
    total = sum(len(row) for rows in results for row in rows)
    assert observed.point("paddle.tokens", gen_ai__token__type="output").value == total
    assert observed.point("paddle.request.active").value == 0


def test_a_thread_without_a_context_starts_a_trace(observed: Recorder, llama: Any, prompts: Prompts) -> None:
    """A plain thread does not know the request: the generation is a trace of its own, and is not taken for nested."""
    tracer = observed.tracer_provider.get_tracer("a service")
    with tracer.start_as_current_span("request"):
        thread = threading.Thread(target=lambda: llama.generate(**prompts.first, max_new_tokens=1))
        thread.start()
        thread.join()
    assert generation(observed).parent is None


def test_a_generation_inside_a_generation_is_part_of_it(
    observed: Recorder, stack: stacks.Stack, llama: Any, prompts: Prompts
) -> None:
    """One span, with the outer one's counts; the inner result is what it is without us."""
    inner: list[list[list[int]]] = []

    def ask_another(*_: Any, **__: Any) -> bool:
        inner.append(rows_of(llama.generate(**prompts.both, max_new_tokens=3)[0]))
        return False

    criteria = stack.module("generation").StoppingCriteriaList([ask_another])
    ids, _ = llama.generate(**prompts.first, max_new_tokens=2, eos_token_id=None, stopping_criteria=criteria)
    assert facts(generation(observed)) == typed(expected_attributes(rows_of(ids), {stacks.EOS}, 2, 5))
    assert observed.point("paddle.tokens", gen_ai__token__type="output").value == 2
    assert observed.point("paddle.tokens", gen_ai__token__type="input").value == 5
    stack.new_instrumentor().uninstrument()
    assert inner == [rows_of(llama.generate(**prompts.both, max_new_tokens=3)[0])] * 2


def test_a_generation_belongs_to_the_trace_around_it(observed: Recorder, llama: Any, prompts: Prompts) -> None:
    """It is a child of the current span, is current itself while it runs, and gives way afterwards."""
    tracer = observed.tracer_provider.get_tracer("a service")
    seen: list[int] = []

    class Streamer:
        def put(self, _: Any) -> None:
            seen.append(trace.get_current_span().get_span_context().span_id)

        def end(self) -> None:
            pass

    with tracer.start_as_current_span("request") as request:
        llama.generate(**prompts.first, max_new_tokens=2, streamer=Streamer())
        assert trace.get_current_span() is request
    span = generation(observed)
    assert span.parent is not None
    assert span.context is not None
    assert span.parent.span_id == request.get_span_context().span_id
    assert span.context.trace_id == request.get_span_context().trace_id
    assert set(seen) == {span.context.span_id}


def test_one_after_the_other(observed: Recorder, llama: Any, prompts: Prompts) -> None:
    """Two generations are two spans beside each other."""
    for _ in range(2):
        llama.generate(**prompts.first, max_new_tokens=1)
    assert [span.parent for span in generations(observed)] == [None, None]
