"""PaddleFormers' tokenizers are those of the ``transformers`` package with a mixin; the package's own stay alone."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import transformers
from opentelemetry.instrumentation.utils import suppress_instrumentation

import stacks
from library.expected import generation
from library.tokens import tokens_in
from library.words import WORDS, write_fast_tokenizer
from recording import Recorder

DURATION = "paddle.tokenizer.duration"
TOKENS = "paddle.tokenizer.tokens"


@pytest.fixture
def foreign(observed: Recorder, tmp_path: Path) -> Any:
    """A tokenizer of the ``transformers`` package, with the same files."""
    assert observed
    write_fast_tokenizer(tmp_path, "PreTrainedTokenizerFast")
    library: Any = transformers
    return library.PreTrainedTokenizerFast.from_pretrained(str(tmp_path))


def test_a_tokenizer_that_is_not_paddleformers_is_not_touched(observed: Recorder, foreign: Any) -> None:
    """It works, and nothing is recorded, not even under a recording span."""
    with observed.tracer_provider.get_tracer("a service").start_as_current_span("request"):
        ids = foreign("what is it")["input_ids"]
        assert foreign.decode(foreign.encode("what is it")) == "what is it"
        assert foreign.batch_decode([ids]) == ["what is it"]
        assert foreign.apply_chat_template(
            [{"role": "user", "content": "what is it"}], add_generation_prompt=True, return_dict=False
        )
    assert [span.name for span in observed.spans()] == ["request"]
    assert observed.points(DURATION) == []


def test_a_template_of_a_foreign_tokenizer_is_not_known(
    observed: Recorder, foreign: Any, llama: Any, paddle: Any
) -> None:
    """Its ids are a prompt like any other."""
    ids = foreign.apply_chat_template(
        [{"role": "user", "content": "what is it"}], add_generation_prompt=True, return_dict=False
    )
    llama.generate(paddle.to_tensor([ids]), max_new_tokens=1)
    assert generation(observed).name == "text_completion"


def test_a_batch_of_conversations(observed: Recorder, tokenizer: Any, llama: Any) -> None:
    """Rendered as texts they are no tokenizer call; tokenized at once they are one; both make a chat."""
    conversations = [[{"role": "user", "content": text}] for text in ("what is it", "a river runs")]
    texts = tokenizer.apply_chat_template(conversations, add_generation_prompt=True, tokenize=False)
    assert len(texts) == 2
    assert observed.points(DURATION) == []
    inputs = tokenizer(texts, padding=True, return_tensors="pd")
    llama.generate(**inputs, max_new_tokens=1)
    assert generation(observed).name == "chat"
    observed.clear_spans()
    inputs = tokenizer.apply_chat_template(
        conversations, add_generation_prompt=True, padding=True, return_tensors="pd", return_dict=True
    )
    llama.generate(**inputs, max_new_tokens=1)
    assert generation(observed).name == "chat"
    assert observed.point(TOKENS).value == 2 * tokens_in(inputs)


def test_only_the_ids_of_a_conversation(observed: Recorder, tokenizer: Any, llama: Any) -> None:
    """``return_dict=False`` gives the tensor alone."""
    conversation = [{"role": "user", "content": "what is it"}]
    ids = tokenizer.apply_chat_template(
        conversation, add_generation_prompt=True, return_tensors="pd", return_dict=False
    )
    llama.generate(ids, max_new_tokens=1)
    assert generation(observed).name == "chat"
    assert observed.point(TOKENS).value == tokens_in(ids)


@pytest.fixture
def early(stack: stacks.Stack, recorder: Recorder, paddle: Any, tmp_path: Path) -> Iterator[Any]:
    """A tokenizer that was made before the instrumentor was switched on."""
    assert paddle
    tokenizer = stack.tokenizer("fast", tmp_path)
    instrumentor = stack.new_instrumentor()
    instrumentor.instrument(**recorder.providers)
    yield tokenizer
    instrumentor.uninstrument()


def test_a_tokenizer_that_was_made_before(early: Any, recorder: Recorder) -> None:
    """PaddleFormers keeps references to ``encode`` and the template on each tokenizer; the other methods are seen."""
    ids = early("what is it")["input_ids"]
    assert recorder.point(DURATION, paddle__tokenizer__direction="encode").count == 1
    early.decode(ids)
    early.batch_decode([ids])
    assert recorder.point(DURATION, paddle__tokenizer__direction="decode").count == 2
    before = recorder.point(DURATION, paddle__tokenizer__direction="encode").count
    assert early.encode("what is it") == ids
    assert recorder.point(DURATION, paddle__tokenizer__direction="encode").count == before


def test_a_tokenizer_that_was_made_in_between(tokenizer: Any, observed: Recorder, stack: stacks.Stack) -> None:
    """What it kept of our patches is silent once they are undone."""
    stack.new_instrumentor().uninstrument()
    assert tokenizer.encode("what is it") == tokenizer("what is it")["input_ids"]
    assert tokenizer.apply_chat_template([{"role": "user", "content": "it"}], add_generation_prompt=True)
    assert observed.spans() == []
    with suppress_instrumentation():
        assert tokenizer.encode("it")


class _Words:
    """The methods that a slow tokenizer of whole words has to have."""

    vocab_size = len(WORDS)

    def get_vocab(self) -> dict[str, int]:
        return {word: index for index, word in enumerate(WORDS)}

    def _tokenize(self, text: str, **_: Any) -> list[str]:
        return text.split()

    def _convert_token_to_id(self, token: str) -> int:
        return WORDS.index(token) if token in WORDS else WORDS.index("[UNK]")

    def _convert_id_to_token(self, index: int) -> str:
        return WORDS[index]

    def convert_tokens_to_string(self, tokens: list[str]) -> str:
        return " ".join(tokens)


SLOW: dict[str, str] = {
    "slow": "transformers.tokenizer_utils:PreTrainedTokenizer",
    "legacy": "transformers.legacy.tokenizer_utils:PretrainedTokenizer",
}


@pytest.fixture(params=SLOW)
def make_slow(request: pytest.FixtureRequest, stack: stacks.Stack) -> Callable[[], Any]:
    """Makes a slow tokenizer, on the package's base class and on PaddleFormers' older one."""
    module, _, name = SLOW[request.param].partition(":")
    base = getattr(stack.module(module), name)
    special = {"pad_token": "[PAD]", "unk_token": "[UNK]", "eos_token": "endofturn", "padding_side": "left"}
    return lambda: type("WordTokenizer", (_Words, base), {})(**special)


def test_slow_tokenizers(observed: Recorder, make_slow: Callable[[], Any]) -> None:
    """One call each, padding left out."""
    tokenizer = make_slow()
    result = tokenizer(["what is", "the capital of france"], padding=True)
    assert observed.point(TOKENS, paddle__tokenizer__direction="encode").value == tokens_in(result) == 6
    assert observed.point(DURATION, paddle__tokenizer__class="WordTokenizer").count == 1
    assert tokenizer.batch_decode([[8, 9], [10, 0]], skip_special_tokens=True) == ["what is", "the"]
    decode = observed.point(TOKENS, paddle__tokenizer__direction="decode")
    assert (decode.count, decode.value) == (1, 3)
