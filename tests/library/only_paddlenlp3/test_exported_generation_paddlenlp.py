"""A language model of PaddleNLP, exported with its own ``to_static`` and run by a predictor, is a generation."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import stacks
from inference.programs import predictor_of, run
from library.expected import rows_of
from paddle_otel.inference import PaddleInferenceInstrumentor
from recording import Recorder

PROMPT = [1, 5, 6, 7]


@pytest.fixture(scope="module")
def llama(stack: stacks.Stack, paddle: Any) -> Any:
    """A small Llama that is not shared: exporting changes a model."""
    assert paddle
    return stack.model("llama")


@pytest.fixture(scope="module")
def continuation(llama: Any, paddle: Any) -> list[int]:
    """The five tokens that it writes after the prompt when nothing ends it."""
    mask = paddle.ones([1, len(PROMPT)], "int64")
    ids, _ = llama.generate(paddle.to_tensor([PROMPT]), attention_mask=mask, max_new_tokens=5, eos_token_id=None)
    (row,) = rows_of(ids)
    return row


@pytest.fixture(scope="module")
def exported(llama: Any, continuation: list[int], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same model as a program that ends at the third of these tokens."""
    path = tmp_path_factory.mktemp("exported") / "tiny-llama" / "model"
    llama.generation_config.eos_token_id = continuation[2]
    llama.to_static(str(path), {"use_top_p": False})
    return path


@pytest.fixture
def predictor(recorder: Recorder, paddle: Any, exported: Path) -> Iterator[Any]:
    """A predictor of the program, made and run while the instrumentor is on."""
    instrumentor = PaddleInferenceInstrumentor()
    instrumentor.instrument(**recorder.providers)
    yield predictor_of(paddle, exported)
    instrumentor.uninstrument()


def generate(predictor: Any, ids: list[list[int]], mask: list[list[int]], limit: int) -> list[list[int]]:
    """Return what the program writes after these prompts."""
    positions = np.arange(len(ids[0]))[None].repeat(len(ids), axis=0)
    values = {
        "input_ids": np.array(ids),
        "attention_mask": np.array(mask),
        "position_ids": positions,
        "max_new_tokens": np.array([limit]),
        "top_k": np.array([1]),
    }
    answer: list[list[int]] = run(predictor, *(values[name] for name in predictor.get_input_names()))[0].tolist()
    return answer


# Paddle warns in many ways while it converts a program, and converts it differently where a warning raises.
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("limit", "tokens", "reason"), [(2, 2, "length"), (5, 3, "stop")])
def test_one_run_is_one_generation(
    predictor: Any, recorder: Recorder, continuation: list[int], limit: int, tokens: int, reason: str
) -> None:
    """Its tokens in and out, and why it ended, as ``generate`` would report them."""
    assert generate(predictor, [PROMPT], [[1, 1, 1, 1]], limit) == [continuation[:tokens]]
    attributes = dict(recorder.span("text_completion tiny-llama").attributes or {})
    assert attributes["gen_ai.usage.input_tokens"] == 4
    assert attributes["gen_ai.usage.output_tokens"] == tokens
    assert attributes["gen_ai.response.finish_reasons"] == (reason,)
    assert attributes["gen_ai.request.max_tokens"] == limit
    assert attributes["gen_ai.request.top_k"] == 1
    assert recorder.point("paddle.tokens", gen_ai__token__type="output").value == tokens
    assert recorder.points("paddle.prediction.duration") == []


@pytest.mark.filterwarnings("ignore")
def test_prompts_padded_on_the_left_are_counted_without(predictor: Any, recorder: Recorder) -> None:
    """Two prompts of four and two tokens; what their answers hold is not told from padding."""
    rows = generate(predictor, [PROMPT, [0, 0, 1, 5]], [[1, 1, 1, 1], [0, 0, 1, 1]], 2)
    assert [len(row) for row in rows] == [2, 2]
    attributes = dict(recorder.span("text_completion tiny-llama").attributes or {})
    assert attributes["gen_ai.usage.input_tokens"] == 6
    assert "gen_ai.usage.output_tokens" not in attributes
