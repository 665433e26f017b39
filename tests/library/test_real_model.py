"""SmolLM2-135M-Instruct, a real chat model: its answer is right and its tokens are counted right."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import stacks
from library.byte_pairs import BytePairs
from library.expected import CACHE_SIZE, attributes_of, expected_attributes, facts, generation, rows_of, seconds, typed
from recording import Recorder

EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "chat_server" / "smollm2.py"
NAME = "smollm2-135m-instruct"
QUESTION = "What is the capital of France?"
ANSWER = "The capital of France is Paris."
# The model's chat template puts this system message in front where the conversation has none.
PROMPT = (
    "<|im_start|>system\nYou are a helpful AI assistant named SmolLM, trained by Hugging Face<|im_end|>\n"
    f"<|im_start|>user\n{QUESTION}<|im_end|>\n<|im_start|>assistant\n"
)
END = 2
# 30 layers, 3 heads, 64 numbers of 4 bytes, keys and values.
CACHE_BYTES_PER_TOKEN = 30 * 3 * 64 * 4 * 2
# The oldest stack has no tokenizer that reads the model's file.
WAYS = ["ids", "template"] if "fast" in stacks.current().tokenizers else ["ids"]


@pytest.fixture(scope="module")
def folder(stack: stacks.Stack) -> Path:
    """The model's folder, converted once per machine."""
    command = [sys.executable, str(EXAMPLE), "--library", stack.library]
    return Path(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, timeout=600).stdout.strip())


@pytest.fixture(scope="module")
def measured(stack: stacks.Stack, paddle: Any) -> Iterator[Recorder]:
    """One SDK for loading and generating."""
    assert paddle
    recorder = Recorder()
    instrumentor = stack.new_instrumentor()
    instrumentor.instrument(**recorder.providers)
    yield recorder
    instrumentor.uninstrument()


@pytest.fixture(scope="module")
def model(stack: stacks.Stack, measured: Recorder, folder: Path) -> Any:
    """The model."""
    assert measured
    loaded = stack.module("transformers").AutoModelForCausalLM.from_pretrained(str(folder))
    loaded.eval()
    return loaded


@pytest.fixture(scope="module")
def byte_pairs(folder: Path) -> BytePairs:
    """The model's vocabulary, read without any library."""
    return BytePairs(folder)


@pytest.mark.parametrize("way", WAYS)
def test_the_capital_of_france(
    way: str,
    measured: Recorder,
    stack: stacks.Stack,
    model: Any,
    byte_pairs: BytePairs,
    folder: Path,
    paddle: Any,
) -> None:
    """Eight tokens, the last of which ends the answer; a chat where the prompt came from the template."""
    prompt = byte_pairs.encode(PROMPT)
    if way == "ids":
        ids = paddle.to_tensor([prompt])
        inputs: Any = {"input_ids": ids, "attention_mask": paddle.ones_like(ids)}
    else:
        tokenizer = stack.module("transformers").AutoTokenizer.from_pretrained(str(folder))
        encoding = stack.chat(tokenizer, QUESTION, return_tensors="pd")
        inputs = {name: encoding[name] for name in ("input_ids", "attention_mask")}
        assert rows_of(inputs["input_ids"]) == [prompt]
    measured.clear_spans()
    (row,) = rows_of(model.generate(**inputs, max_new_tokens=32)[0])
    assert (byte_pairs.decode(row[:-1]), row[-1]) == (ANSWER, END)
    operation = "text_completion" if way == "ids" else "chat"
    named = {"gen_ai__request__model": NAME, "gen_ai__response__model": NAME}
    expected = expected_attributes([row], {END}, 32, len(prompt), gen_ai__operation__name=operation, **named)
    assert expected["gen_ai.usage.output_tokens"] == 8
    assert expected["gen_ai.response.finish_reasons"] == ("stop",)
    span = generation(measured)
    assert span.name == f"{operation} {NAME}"
    assert facts(span) == typed(expected)
    # The last token was not read back.
    assert attributes_of(span)[CACHE_SIZE] == CACHE_BYTES_PER_TOKEN * (len(prompt) + 8 - 1)
    prefill, decode = measured.children(span)
    assert seconds(prefill) + seconds(decode) == pytest.approx(seconds(span), abs=1e-8)
    assert ("paddle.tokenize.duration" in attributes_of(span)) is (way == "template")


def test_its_load_was_observed(measured: Recorder, model: Any) -> None:
    """By name, without a path."""
    assert model is not None
    assert measured.point("paddle.model.load.duration", paddle__model__kind="pretrained_model").count == 1
    assert measured.point("paddle.model.state", paddle__model__name=NAME, paddle__model__state="ready").value == 1
