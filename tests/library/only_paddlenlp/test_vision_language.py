"""Models whose own ``generate`` calls a language model's: one span, the outer call's, with the inner one's counts."""

from typing import Any

import pytest
from opentelemetry.trace import StatusCode

import stacks
from library.expected import attributes_of, generation, output_tokens, rows_of, typed
from library.only_paddlenlp.blip import SEPARATOR, small_blip
from recording import Recorder


@pytest.fixture(scope="module")
def blip(stack: stacks.Stack, paddle: Any) -> Any:
    """A small BLIP."""
    return small_blip(stack, paddle)


@pytest.fixture
def pictures(paddle: Any) -> Any:
    """Two pictures of noise."""
    paddle.seed(1)
    return paddle.randn([2, 3, 16, 16])


def test_a_description_is_one_generation(
    observed: Recorder, stack: stacks.Stack, blip: Any, pictures: Any, paddle: Any
) -> None:
    """The inner model's prompt and output, the children below the outer call; the result is the library's."""
    ids = paddle.to_tensor([[1, 5, 6, SEPARATOR], [1, 7, 8, SEPARATOR]])

    def describe() -> list[list[int]]:
        return rows_of(blip.generate(pictures, input_ids=ids.clone(), max_new_tokens=5)[0])

    rows = describe()
    span = generation(observed)
    found = typed(attributes_of(span))
    assert span.name == "text_completion"
    # The model's own code takes the last token of the prompt away.
    assert found["gen_ai.usage.input_tokens"] == ("int", 6)
    counts = tuple(output_tokens(row, {SEPARATOR}) for row in rows)
    assert found["paddle.sequences.output_tokens"] == ("tuple of ['int']", counts)
    assert found["gen_ai.usage.output_tokens"] == ("int", sum(counts))
    reasons = tuple("stop" if SEPARATOR in row else "length" for row in rows)
    assert found["gen_ai.response.finish_reasons"] == ("tuple of ['str']", reasons)
    assert [child.name for child in observed.children(span)] == ["prefill", "decode"]
    assert observed.point("paddle.tokens", gen_ai__token__type="output").value == sum(counts)
    stack.new_instrumentor().uninstrument()
    assert rows == describe()


def test_an_inner_failure_fails_the_outer_generation(
    observed: Recorder, stack: stacks.Stack, blip: Any, pictures: Any
) -> None:
    """The library's exception arrives unchanged; afterwards the language model alone is a generation of its own."""
    with pytest.raises(AssertionError) as with_us:
        blip.generate(pictures, decode_strategy="nope")
    span = generation(observed)
    assert span.status.status_code is StatusCode.ERROR
    assert attributes_of(span)["error.type"] == "AssertionError"
    assert observed.children(span) == []
    observed.clear_spans()
    blip.text_decoder.generate(max_new_tokens=2, encoder_hidden_states=blip.vision_model(pictures[:1])[0])
    assert attributes_of(generation(observed))["paddle.batch_size"] == 1
    stack.new_instrumentor().uninstrument()
    with pytest.raises(AssertionError) as alone:
        blip.generate(pictures, decode_strategy="nope")
    assert with_us.value.args == alone.value.args
