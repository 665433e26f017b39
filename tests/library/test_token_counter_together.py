"""A token counter beside the instrumentor: each counts once, and both count the same."""

import threading
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.instrumentation.utils import suppress_instrumentation

import stacks
from library.expected import Prompts, output_tokens, rows_of
from library.tokens import tokens_in
from paddle_otel.identity import identify
from paddle_otel.monitor import GPUMonitor
from paddle_otel.monitor.token_counter import TokenCounter
from recording import Recorder

SHORT, LONG = "what is", "the capital of france"
TOKENIZER = "paddle.tokenizer.tokens"
TOKENS = "paddle.tokens"


def tokens_of(observed: Recorder, kind: str) -> float:
    """Return what ``paddle.tokens`` says."""
    return sum(point.value for point in observed.points(TOKENS) if point.attributes["gen_ai.token.type"] == kind)


def prompt_of(tokenizer: Any) -> Any:
    """Return the padded ids of two prompts, with their mask."""
    inputs = tokenizer([SHORT, LONG], padding=True, return_tensors="pd", return_attention_mask=True)
    return {name: inputs[name] for name in ("input_ids", "attention_mask")}


@pytest.mark.parametrize("tensors", [None, "pd"])
def test_tokenizer_calls_are_reported_once(tensors: str | None, observed: Recorder, tokenizer: Any) -> None:
    """The metric has one call with the tokens that the counter has, under the tokenizer's own class."""
    counter = TokenCounter()
    result = counter.wrap_tokenizer(tokenizer)([SHORT, LONG], padding=True, return_tensors=tensors)
    (point,) = observed.points(TOKENIZER)
    assert (point.count, point.value) == (1, tokens_in(result))
    assert point.attributes["paddle.tokenizer.class"] == type(tokenizer).__name__
    assert counter.get_input_count() == tokens_in(result)


@pytest.mark.parametrize("calls", [1, 3])
def test_a_generation_is_counted_once_by_each(calls: int, observed: Recorder, tokenizer: Any, llama: Any) -> None:
    """Input and output of the counter are those of ``paddle.tokens``."""
    counter = TokenCounter()
    tracked = counter.wrap_tokenizer(tokenizer)
    for _ in range(calls):
        ids, _ = llama.generate(**prompt_of(tracked), max_new_tokens=4, eos_token_id=None)
        counter.log_generated_tokens(sum(len(row) for row in rows_of(ids)))
        tokenizer.batch_decode(rows_of(ids))
    assert (tokens_of(observed, "input"), tokens_of(observed, "output")) == (counter.get_input_count(), 8 * calls)
    assert counter.get_output_count() == 8 * calls
    assert counter.get_total_count() == tokens_of(observed, "input") + tokens_of(observed, "output")


def test_a_tracked_tokenizers_prompt_is_known(
    observed: Recorder, stack: stacks.Stack, tokenizer: Any, llama: Any
) -> None:
    """The span says chat and how long the tokenizer took, as it does for the original."""
    inputs = stack.chat(TokenCounter().wrap_tokenizer(tokenizer), "what is it", return_tensors="pd", return_dict=True)
    llama.generate(input_ids=inputs["input_ids"], attention_mask=inputs["attention_mask"], max_new_tokens=1)
    span = observed.span("chat")
    assert (span.attributes or {})["paddle.tokenize.duration"]


STRATEGIES: dict[str, dict[str, Any]] = {
    "greedy": {"decode_strategy": "greedy_search"},
    "sampling": {"decode_strategy": "sampling", "top_k": 5},
    "beams": {"decode_strategy": "beam_search", "num_beams": 2},
    "several": {"decode_strategy": "sampling", "num_return_sequences": 3},
}


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_output_that_is_followed(strategy: str, observed: Recorder, llama: Any, prompts: Prompts) -> None:
    """Comes by itself, is what the returned ids hold and what ``paddle.tokens`` says; what is logged is not added."""
    counter = TokenCounter(follow_generations=True)
    ids, _ = llama.generate(**prompts.both, max_new_tokens=5, **STRATEGIES[strategy])
    expected = sum(output_tokens(row, {stacks.EOS}) for row in rows_of(ids))
    counter.log_generated_tokens(expected)
    assert counter.get_output_count() == tokens_of(observed, "output") == expected
    found = counter.get_statistics()
    assert (found.followed_generations, found.logged_tokens_not_counted, found.input_tokens) == (1, expected, 0)


def test_followed_output_belongs_to_its_session(observed: Recorder, llama: Any, prompts: Prompts) -> None:
    """The open one, or the one that the program identified, also in many threads."""
    assert observed
    counter = TokenCounter(follow_generations=True)

    def work(name: str) -> None:
        with counter.session(name):
            llama.generate(**prompts.first, max_new_tokens=3, eos_token_id=None)
        with identify(session=f"{name}, identified"):
            llama.generate(**prompts.first, max_new_tokens=2, eos_token_id=None)

    threads = [threading.Thread(target=work, args=(name,)) for name in ("a", "b")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    named = counter.to_dict()["by_session"]["named"]
    assert {name: one["output_tokens"] for name, one in named.items()} == {
        "a": 3,
        "b": 3,
        "a, identified": 2,
        "b, identified": 2,
    }


def test_a_generation_that_fails(observed: Recorder, llama: Any, prompts: Prompts) -> None:
    """Its exception arrives; what it wrote until then counts as in ``paddle.tokens``."""
    counter = TokenCounter(follow_generations=True)

    class Failing:
        def __init__(self) -> None:
            self.puts = 0

        def put(self, _: Any) -> None:
            self.puts += 1
            if self.puts == 3:
                raise OSError("closed")

        def end(self) -> None:
            """Not reached."""

    with pytest.raises(OSError, match=r"^closed$"):
        llama.generate(**prompts.first, max_new_tokens=5, eos_token_id=None, streamer=Failing())
    assert counter.get_output_count() == tokens_of(observed, "output")
    assert counter.get_statistics().followed_generations == 1


def test_output_is_followed_without_an_sdk(stack: stacks.Stack, llama: Any, prompts: Prompts) -> None:
    """The instrumentor alone is enough, whatever else runs."""
    instrumentor = stack.new_instrumentor()
    instrumentor.instrument()
    try:
        counter = TokenCounter(follow_generations=True)
        with counter.session("a"):
            ids, _ = llama.generate(**prompts.both, max_new_tokens=3, eos_token_id=None)
        with GPUMonitor(0, observe=False):
            llama.generate(**prompts.first, max_new_tokens=3, eos_token_id=None)
    finally:
        instrumentor.uninstrument()
    assert (sum(map(len, rows_of(ids))), counter.session("a").get_output_count()) == (6, 6)
    assert (counter.get_output_count(), counter.get_statistics().followed_generations) == (9, 2)


def test_what_is_not_observed_is_not_followed(
    observed: Recorder, stack: stacks.Stack, llama: Any, prompts: Prompts
) -> None:
    """Suppressed, or switched off: the program says what was generated."""
    assert observed
    counter = TokenCounter(follow_generations=True)
    with suppress_instrumentation():
        llama.generate(**prompts.first, max_new_tokens=3)
    stack.new_instrumentor().uninstrument()
    llama.generate(**prompts.first, max_new_tokens=3)
    assert counter.get_statistics().followed_generations == 0
    counter.log_generated_tokens(3, unobserved=True)
    assert counter.get_output_count() == 3


def test_a_streamer_takes_a_tracked_tokenizer(
    stack: stacks.Stack, tokenizer_kind: str, tmp_path: Path, llama: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    """It prints what it prints with the original; its many calls of ``decode`` are not counted."""
    made = stack.tokenizer(tokenizer_kind, tmp_path)
    counter = TokenCounter()
    tracked = counter.wrap_tokenizer(made)
    inputs = prompt_of(made)
    first = {name: value[1:] for name, value in inputs.items()}
    printed: list[str] = []
    for tokenizer in (made, tracked):
        capsys.readouterr()
        streamer = stack.module("generation").TextStreamer(tokenizer)
        # Ids that the small vocabulary has.
        llama.generate(**first, max_new_tokens=4, eos_token_id=None, streamer=streamer)
        printed.append(capsys.readouterr().out)
    assert printed[0] == printed[1]
    assert counter.get_total_count() == 0


def test_output_is_bit_identical(stack: stacks.Stack, tokenizer_kind: str, tmp_path: Path, llama: Any) -> None:
    """Ids and scores of a generation from a tracked tokenizer's ids are those from the original's."""
    made = stack.tokenizer(tokenizer_kind, tmp_path)
    tracked = TokenCounter().wrap_tokenizer(made)
    (ids, scores), (same_ids, same_scores) = (
        llama.generate(**prompt_of(tokenizer), max_new_tokens=4) for tokenizer in (made, tracked)
    )
    assert (ids.numpy() == same_ids.numpy()).all()
    assert (scores.numpy() == same_scores.numpy()).all()
