"""Language models that make embeddings of texts: one ``embeddings`` for each time that the model runs."""

import importlib
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest

import stacks
from library.expected import attributes_of
from observed import returning
from recording import Recorder

SIZES: Final = {
    "vocab_size": stacks.VOCABULARY_SIZE,
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 4,
    "max_position_embeddings": 64,
}
IDS: Final = [[1, 5, 6, 7], [1, 9, 2, 0]]
MASK: Final = [[1, 1, 1, 1], [1, 1, 1, 0]]


class Tokenizer:
    """Gives the same ids for whatever two texts it is asked."""

    pad_token = "p"
    eos_token = "e"
    padding_side = "right"

    def __init__(self, paddle: Any) -> None:
        self._paddle = paddle

    def __call__(self, texts: list[str], **_: Any) -> Any:
        """Return ids and their mask."""
        assert len(texts) == len(IDS)
        encoded = {"input_ids": self._paddle.to_tensor(IDS), "attention_mask": self._paddle.to_tensor(MASK)}
        made = type("Encoded", (dict,), {})(encoded)
        vars(made).update(encoded)
        return made

    def encode(self, *_: Any, **__: Any) -> dict[str, list[int]]:
        """Return the ids of an instruction."""
        return {"input_ids": [1]}


def embeddings(recorder: Recorder) -> list[dict[str, Any]]:
    """Return the attributes of the spans that were made, all of them embeddings, and forget them."""
    spans = [span for span in recorder.spans() if span.name != "request"]
    assert {span.name.partition(" ")[0] for span in spans} == {"embeddings"}
    recorder.clear_spans()
    return [attributes_of(span) for span in spans]


def request(recorder: Recorder) -> Any:
    """Be inside a recorded span."""
    return recorder.tracer_provider.get_tracer("a service").start_as_current_span("request")


@pytest.fixture
def nv_embed(stack: stacks.Stack, paddle: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A small NV-Embed."""
    modeling = importlib.import_module("paddlenlp.transformers.nv_embed.modeling")
    monkeypatch.setattr(modeling.AutoTokenizer, "from_pretrained", returning(Tokenizer(paddle)))
    paddle.seed(stacks.WEIGHTS_SEED)
    model = modeling.NVEncodeModel(stack.module("transformers").MistralConfig(**SIZES), "a tokenizer", "q", "d")
    model.eval()
    return model


@pytest.mark.parametrize("method", ["encode_queries", "encode_corpus"])
def test_the_methods_of_nv_embed_that_take_texts(
    recorder: Recorder, stack: stacks.Stack, nv_embed: Any, method: str
) -> None:
    """One embeddings for each batch, bit by bit as without us."""
    texts = ["a", "b"]
    nv_embed.eval_batch_size = 2
    plain = getattr(nv_embed, method)(texts * 2)
    instrumentor = stack.new_instrumentor()
    instrumentor.instrument(**recorder.providers)
    with request(recorder):
        seen = getattr(nv_embed, method)(texts * 2)
    tokens = recorder.point("paddle.tokens", gen_ai__token__type="input").value
    instrumentor.uninstrument()
    assert np.array_equal(seen, plain)
    found = embeddings(recorder)
    assert [one["gen_ai.usage.input_tokens"] for one in found] == [7, 7]
    assert [one["gen_ai.embeddings.dimension.count"] for one in found] == [seen.shape[-1]] * 2
    assert tokens == 14


def test_encode_of_nv_embed(observed: Recorder, paddle: Any, nv_embed: Any) -> None:
    """One, although it calls what is observed by itself."""
    with request(observed), paddle.no_grad():
        nv_embed.encode(Tokenizer(paddle)(["a", "b"]), 1)
    (found,) = embeddings(observed)
    assert (found["paddle.batch_size"], found["gen_ai.usage.input_tokens"]) == (2, 7)
    assert observed.point("paddle.prediction.duration").count == 1


def test_encode_of_qwen2(observed: Recorder, stack: stacks.Stack, paddle: Any) -> None:
    """``Qwen2SentenceEmbedding.encode``."""
    config = stack.module("transformers").Qwen2Config(**SIZES)
    config.embedding_negatives_cross_device = False
    paddle.seed(stacks.WEIGHTS_SEED)
    model = importlib.import_module("paddlenlp.transformers.qwen2.modeling").Qwen2SentenceEmbedding(config)
    model.eval()
    last = paddle.to_tensor([[0, 3], [1, 2]])
    with request(observed), paddle.no_grad():
        made = model.encode(paddle.to_tensor(IDS), attention_mask=paddle.to_tensor(MASK), embedding_indices=last)
    (found,) = embeddings(observed)
    assert (found["paddle.batch_size"], found["gen_ai.usage.input_tokens"]) == (2, 7)
    assert found["gen_ai.embeddings.dimension.count"] == made.shape[-1]


@pytest.mark.parametrize("method", ["encode", "encode_sentences"])
def test_a_model_around_another_one(
    observed: Recorder, stack: stacks.Stack, paddle: Any, tmp_path: Path, method: str
) -> None:
    """``BiEncoderModel``: its methods say what the model that they call is for."""
    transformers = stack.module("transformers")
    folder = tmp_path / "an-encoder"
    paddle.seed(stacks.WEIGHTS_SEED)
    transformers.Qwen2Model(transformers.Qwen2Config(**SIZES)).save_pretrained(str(folder))
    modeling = importlib.import_module("paddlenlp.transformers.llm_embed.modeling")
    model = modeling.BiEncoderModel(str(folder), dtype="float32", tokenizer=Tokenizer(paddle))
    model.eval()
    observed.clear_spans()
    with request(observed), paddle.no_grad():
        made = getattr(model, method)(Tokenizer(paddle)(["a", "b"]) if method == "encode" else ["a", "b"])
    assert tuple(made.shape) == (2, 32)
    (found,) = embeddings(observed)
    assert found["gen_ai.request.model"] == "an-encoder"
    assert (found["paddle.batch_size"], found["gen_ai.usage.input_tokens"]) == (2, 7)
