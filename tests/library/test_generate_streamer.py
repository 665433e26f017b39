"""Streamers: the caller's own is used as it is, and the first chunk is timed."""

import threading
import time
from typing import Any

import pytest
from opentelemetry import trace

import stacks
from library.expected import Prompts, attributes_of, expected_attributes, facts, generation, rows_of, typed
from recording import Recorder

CHUNK = "gen_ai.response.time_to_first_chunk"
FIRST = "paddle.time_to_first_token"
# The span's own clock is not the one that the tests read; in nanoseconds, less than a pass through the model.
CLOCKS_APART = 500_000


class Streamer:
    """Notes what the library puts into it, and when."""

    def __init__(self) -> None:
        self.puts: list[list[list[int]]] = []
        self.times: list[int] = []
        self.span_ids: list[int] = []
        self.ended = 0

    def put(self, ids: Any) -> None:
        """Take the prompt or the tokens of a step."""
        self.times.append(time.time_ns())
        self.puts.append(rows_of(ids))
        self.span_ids.append(trace.get_current_span().get_span_context().span_id)

    def end(self) -> None:
        """Take the end."""
        self.ended += 1


@pytest.mark.parametrize("strategy", ["greedy_search", "sampling"])
def test_a_streamed_generation_is_counted_like_any_other(
    strategy: str, observed: Recorder, stack: stacks.Stack, llama: Any, prompts: Prompts
) -> None:
    """The streamer gets what it would get without us; counts are those of the returned ids."""
    streamer = Streamer()
    ids, _ = llama.generate(
        **prompts.both, max_new_tokens=4, eos_token_id=None, streamer=streamer, decode_strategy=strategy
    )
    rows = rows_of(ids)
    prompt = [[list(row) for row in prompts.ids]] if stack.streams_prompt else []
    assert streamer.puts == [*prompt, *[[[row[step]] for row in rows] for step in range(4)]]
    assert streamer.ended == 1
    expected = expected_attributes(
        rows, {stacks.EOS}, 4, prompts.tokens, gen_ai__request__stream=True, paddle__decode_strategy=strategy
    )
    assert facts(generation(observed)) == typed(expected)


def test_the_first_chunk_comes_with_the_first_token(
    observed: Recorder, stack: stacks.Stack, llama: Any, prompts: Prompts
) -> None:
    """It lies between the first and the second token that the streamer was given."""
    streamer = Streamer()
    llama.generate(**prompts.first, max_new_tokens=4, eos_token_id=None, streamer=streamer)
    span = generation(observed)
    found = attributes_of(span)
    assert type(found[CHUNK]) is float
    assert found[CHUNK] == found[FIRST]
    first, second, *_ = streamer.times[stack.streams_prompt :]
    assert span.start_time is not None
    assert first - CLOCKS_APART < span.start_time + found[CHUNK] * 1e9 < second


def test_the_streamer_runs_inside_the_generation(observed: Recorder, llama: Any, prompts: Prompts) -> None:
    """What a streamer's owner traces belongs to the generation."""
    streamer = Streamer()
    llama.generate(**prompts.first, max_new_tokens=2, streamer=streamer)
    context = generation(observed).context
    assert context is not None
    assert set(streamer.span_ids) == {context.span_id}


def test_beams_cannot_be_streamed(observed: Recorder, llama: Any, prompts: Prompts) -> None:
    """The library refuses; its exception arrives, and the span says so."""
    streamer = Streamer()
    with pytest.raises(ValueError, match="beam"):
        llama.generate(**prompts.first, decode_strategy="beam_search", num_beams=2, streamer=streamer)
    assert streamer.ended == 0
    assert attributes_of(generation(observed))["error.type"] == "ValueError"


def test_tokens_are_counted_while_they_are_streamed(observed: Recorder, llama: Any, prompts: Prompts) -> None:
    """``paddle.tokens`` grows with every token of a single sequence; the prompt's are added at the end."""
    seen: list[list[tuple[str, float]]] = []

    class Collector(Streamer):
        def put(self, ids: Any) -> None:
            super().put(ids)
            points = observed.points("paddle.tokens")
            seen.append([(point.attributes["gen_ai.token.type"], point.value) for point in points])

    llama.generate(**prompts.first, max_new_tokens=3, eos_token_id=None, streamer=Collector())
    assert seen[-2:] == [[("output", 1)], [("output", 2)]]
    assert observed.point("paddle.tokens", gen_ai__token__type="output").value == 3
    assert observed.point("paddle.tokens", gen_ai__token__type="input").value == 5


def test_the_librarys_text_streamer(
    observed: Recorder, stack: stacks.Stack, llama: Any, prompts: Prompts, tokenizer: Any, capsys: Any
) -> None:
    """It prints the same as without us, and its decoding makes no spans inside the generation."""
    streamer = stack.module("generation").TextStreamer(tokenizer)
    options = {**prompts.first, "max_new_tokens": 4, "eos_token_id": None}
    llama.generate(**options, streamer=streamer)
    printed = capsys.readouterr().out
    assert [span.name for span in observed.spans()] == ["prefill", "decode", "text_completion"]
    assert observed.point("paddle.tokenizer.duration", paddle__tokenizer__direction="decode").count >= 4
    instrumentor = stack.new_instrumentor()
    instrumentor.uninstrument()
    llama.generate(**options, streamer=stack.module("generation").TextStreamer(tokenizer))
    assert capsys.readouterr().out == printed


def test_an_iterator_streamer_read_in_another_thread(
    observed: Recorder, stack: stacks.Stack, llama: Any, prompts: Prompts, tokenizer: Any
) -> None:
    """The usual way to stream: generate in a thread, read here."""
    streamer = stack.module("generation").TextIteratorStreamer(tokenizer, timeout=30)
    options = {**prompts.first, "max_new_tokens": 4, "eos_token_id": None, "streamer": streamer}
    results: list[Any] = []
    thread = threading.Thread(target=lambda: results.append(llama.generate(**options)))
    thread.start()
    text = "".join(streamer)
    thread.join()
    (row,) = rows_of(results[0][0])
    prompt = list(prompts.ids[0]) if stack.streams_prompt else []
    assert text == tokenizer.decode([*prompt, *row])
    expected = expected_attributes([row], {stacks.EOS}, 4, 5, gen_ai__request__stream=True)
    assert facts(generation(observed)) == typed(expected)
