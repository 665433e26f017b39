"""What a call on a tracked tokenizer counts: ids without padding, whatever form they come in; never off a device."""

import asyncio
from collections import UserDict
from typing import Any, NamedTuple

import numpy as np
import pytest

from paddle_otel.monitor.token_counter import TokenCounter
from stubs.tensors import StubTensor
from stubs.tokenizer_base import TokenizerBase

ROWS = [[7, 7, 7], [7, 0, 0]]
MASK = [[1, 1, 1], [1, 0, 0]]


class Encoding(NamedTuple):
    """What the package ``tokenizers`` returns for a text."""

    ids: list[int]
    attention_mask: list[int]


class Result(UserDict[str, Any]):
    """What a library's fast tokenizer returns, with the encodings that it was made from."""

    def __init__(self, encodings: Any = None, **content: Any) -> None:
        super().__init__(content)
        self.encodings = encodings


class LibraryTokenizer:
    """A tokenizer of a library, which pads when it is asked to and returns what it is told."""

    padding_side = "left"
    pad_token_id = 0
    eos_token_id: int | None = 2

    def __init__(self, result: Any) -> None:
        self._result = result

    def __call__(self, text: str, *_: Any, **__: Any) -> Any:
        """Return the result."""
        assert text == "text"
        return self._result

    encode = batch_encode_plus = apply_chat_template = tokenize = pad = __call__


def counted(result: Any, *args: Any, tokenizer: Any = None, **kwargs: Any) -> int | None:
    """Return what a call that returns this counts, ``None`` where it is noted as not counted."""
    counter = TokenCounter()
    made = tokenizer or LibraryTokenizer(result)
    assert counter.wrap_tokenizer(made)("text", *args, **kwargs) is result
    found = counter.get_statistics()
    assert found.encode_calls == 1
    assert found.output_tokens == 0
    return None if found.uncounted_calls else found.input_tokens


@pytest.mark.parametrize(
    ("result", "tokens"),
    [
        ([7, 8, 9], 3),
        ([], 0),
        ([[7, 8], [9]], 3),
        ({"input_ids": [7, 8, 9]}, 3),
        (Result(input_ids=ROWS, attention_mask=MASK), 6),
        (StubTensor(ROWS), 6),
        (StubTensor(ROWS, "gpu:0"), 6),
        ({"input_ids": StubTensor(ROWS, "gpu:0")}, 6),
        (np.array(ROWS), 6),
        ([{"input_ids": [7, 8]}, {"input_ids": [9]}], 3),
    ],
)
def test_without_padding_every_id_is_a_token(result: Any, tokens: int) -> None:
    """Of a library's tokenizer that was not asked to pad."""
    assert counted(result) == tokens


@pytest.mark.parametrize("asked", [{"padding": True}, {"padding": "max_length"}, {"pad_to_multiple_of": 8}])
@pytest.mark.parametrize("content", [ROWS, np.array(ROWS), StubTensor(ROWS)])
def test_padding_is_not_counted(content: Any, asked: dict[str, Any]) -> None:
    """By the mask where there is one, else by the id, where that has no second meaning."""
    mask = (
        type(content)(MASK)
        if isinstance(content, StubTensor)
        else np.array(MASK)
        if isinstance(content, np.ndarray)
        else MASK
    )
    assert counted({"input_ids": content, "attention_mask": mask}, **asked) == 4
    assert counted({"input_ids": content}, **asked) == 4
    assert counted(content, None, asked) == 4  # by position
    ambiguous = LibraryTokenizer({"input_ids": content})
    ambiguous.eos_token_id = 0
    assert counted(ambiguous("text"), tokenizer=ambiguous, **asked) is None


def test_a_device_is_not_read() -> None:
    """Padded ids on it are not counted, unless the tokenizer kept what it made on the host."""
    ids, mask = StubTensor(ROWS, "gpu:0"), StubTensor(MASK, "gpu:0")
    assert counted({"input_ids": ids, "attention_mask": mask}, padding=True) is None
    encodings = [Encoding(row, masked) for row, masked in zip(ROWS, MASK, strict=True)]
    assert counted(Result(encodings, input_ids=ids, attention_mask=mask), padding=True) == 4
    assert counted(Result([], input_ids=ids, attention_mask=mask), padding=True) is None
    assert counted(Result("other", input_ids=ids, attention_mask=mask), padding=True) is None
    assert ids.reads == mask.reads == 0


@pytest.mark.parametrize(
    ("result", "tokens"),
    [
        ([7, 8, 9], 3),
        ((7, 8, 9), 3),
        (([7, 8], [9]), 3),
        (Encoding([7, 7, 0], [1, 1, 0]), 2),
        ([Encoding([7, 7, 0], [1, 1, 0]), Encoding([7, 7, 7], [1, 1, 1])], 5),
        ({"input_ids": ROWS, "attention_mask": MASK}, 4),
        ({"input_ids": StubTensor(ROWS), "attention_mask": StubTensor(MASK)}, 4),
        ({"input_ids": ROWS}, 6),
        ({"input_ids": StubTensor(ROWS, "gpu:0"), "attention_mask": StubTensor(MASK, "gpu:0")}, None),
        (None, None),
        (5, None),
        ({"pixel_values": [1.0]}, None),
        (object(), None),
        (iter([1, 2]), None),
    ],
)
def test_any_other_tokenizer_may_pad_by_itself(result: Any, tokens: int | None) -> None:
    """Its mask tells; without one all ids count; what is not understood is noted, and not consumed."""

    def tokenize(_: str) -> Any:
        return result

    assert counted(result, tokenizer=tokenize) == tokens


def test_any_other_tokenizer_that_is_asked_to_pad() -> None:
    """Without a mask nobody knows what is padding; other arguments say nothing about it."""
    result = {"input_ids": ROWS}

    def tokenize(*_: Any, **__: Any) -> Any:
        return result

    assert counted(result, tokenizer=tokenize, padding=True) is None
    assert counted(result, tokenizer=tokenize, length=8) == 6
    assert counted(result, 1, 2, tokenizer=tokenize) == 6


@pytest.mark.parametrize("text", ["<user> a", ["<user> a", "<user> b"], ("a",), [["a"], ["b", "c"]]])
def test_text_is_not_counted(text: Any) -> None:
    """A rendered chat template, and tokens as text, are no call that made ids."""
    counter = TokenCounter()
    assert counter.wrap_tokenizer(LibraryTokenizer(text)).apply_chat_template("text") is text
    assert counter.get_statistics() == TokenCounter().get_statistics()


def test_a_coroutine_is_handed_on() -> None:
    """What a tokenizer promises for later is not waited for: the call is noted as not counted."""

    async def tokenize(_: str) -> list[int]:
        return [7]

    counter = TokenCounter()
    assert asyncio.run(counter.wrap_tokenizer(tokenize)("text")) == [7]  # pyright: ignore[reportArgumentType] - a coroutine
    assert (counter.get_total_count(), counter.get_statistics().uncounted_calls) == (0, 1)


def test_only_what_makes_ids_of_text_counts() -> None:
    """``tokenize`` makes text, ``pad`` is given ids."""
    counter = TokenCounter()
    tracked = counter.wrap_tokenizer(LibraryTokenizer([7, 8]))
    assert tracked.tokenize("text") == tracked.pad("text") == [7, 8]
    assert counter.get_statistics() == TokenCounter().get_statistics()
    assert tracked.encode("text") == tracked.batch_encode_plus("text") == [7, 8]
    assert (counter.get_total_count(), counter.get_statistics().encode_calls) == (4, 2)


def test_decoding_is_counted_on_request() -> None:
    """As generated tokens, padding left out; otherwise not at all."""
    counter = TokenCounter()
    silent, heard = (counter.wrap_tokenizer(TokenizerBase(), count_decoded=count) for count in (False, True))
    for tracked in (silent, heard):
        assert tracked.decode([11, 12, 0, 0]) == "x xx"
        assert tracked.batch_decode(sequences=[[11, 0], [12, 12]]) == ["x", "xx xx"]
    assert (counter.get_input_count(), counter.get_output_count()) == (0, 5)
    assert counter.get_statistics().encode_calls == 0
    assert heard.decode(token_ids=[11], skip_special_tokens=True) == "x"
    assert counter.get_output_count() == 6
    assert silent.encode("a") == heard.encode("a")
    assert (counter.get_input_count(), counter.get_statistics().uncounted_calls) == (2, 0)


@pytest.mark.parametrize("name", ["token_ids", "sequences", "ids", "tokens", "batch", "input"])
def test_ids_to_decode_are_found_by_their_name(name: str) -> None:
    """Whatever stands before them, and in every package that has a name of its own for them."""

    class Decoder:
        def decode(self, **given: Any) -> str:
            """Return some text."""
            assert given[name] == [7, 8, 9]
            return "text"

    counter = TokenCounter()
    decode: Any = counter.wrap_tokenizer(Decoder(), count_decoded=True).decode
    assert decode(**{"skip_special_tokens": True, "clean_up": 5, name: [7, 8, 9]}) == "text"
    assert (counter.get_output_count(), counter.get_statistics().uncounted_calls) == (3, 0)


def test_ids_to_decode_that_are_not_found_are_not_counted() -> None:
    """The call is noted: a flag is not an id."""

    class Decoder:
        def decode(self, *, what: Any, skip_special_tokens: bool) -> str:
            """Return some text."""
            assert skip_special_tokens
            return str(what)

    counter = TokenCounter()
    tracked = counter.wrap_tokenizer(Decoder(), count_decoded=True)
    assert tracked.decode(skip_special_tokens=True, what="text") == "text"
    assert (counter.get_output_count(), counter.get_statistics().uncounted_calls) == (0, 1)


ENCODERS = [
    *("Encode", "Tokenize", "EncodeAsIds", "SampleEncodeAsIds", "ParallelEncode", "ParallelEncodeAsIds"),
    *("encode", "encode_as_ids", "sample_encode_as_ids", "parallel_encode", "parallel_encode_as_ids"),
]


@pytest.mark.parametrize("name", ENCODERS)
def test_methods_of_sentencepiece_that_make_ids(name: str) -> None:
    """By all the names that it has for them; pieces are no ids."""
    made: list[Any] = [[7, 8, 9], ["▁te", "xt"]]

    def encode(_: object, input: str) -> Any:  # noqa: A002 - its name there
        assert input == "text"
        return made.pop(0)

    foreign = type("SentencePieceProcessor", (), {name: encode})
    counter = TokenCounter()
    tracked: Any = counter.wrap_tokenizer(foreign())
    assert getattr(tracked, name)("text") == [7, 8, 9]
    assert (counter.get_input_count(), counter.get_statistics().encode_calls) == (3, 1)
    assert getattr(tracked, name)("text") == ["▁te", "xt"]
    assert (counter.get_input_count(), counter.get_statistics().encode_calls) == (3, 1)


@pytest.mark.parametrize("name", ["Decode", "Detokenize", "DecodeIds", "decode", "decode_ids"])
def test_methods_of_sentencepiece_that_make_text(name: str) -> None:
    """Ids count as generated tokens; pieces are no ids, and how many they would be is not known."""

    def decode(_: object, input: list[Any]) -> str:  # noqa: A002 - its name there
        assert input
        return "text"

    foreign = type("SentencePieceProcessor", (), {name: decode})
    counter = TokenCounter()
    tracked: Any = counter.wrap_tokenizer(foreign(), count_decoded=True)
    assert getattr(tracked, name)(input=[7, 8]) == "text"
    assert (counter.get_output_count(), counter.get_statistics().uncounted_calls) == (2, 0)
    assert getattr(tracked, name)(["▁te", "xt"]) == "text"
    assert (counter.get_output_count(), counter.get_statistics().uncounted_calls) == (2, 1)


def test_ids_to_decode_on_a_device_are_not_read() -> None:
    """The call is noted as not counted."""

    class Decoder:
        pad_token_id = 0

        def decode(self, ids: Any) -> str:
            """Return some text."""
            assert ids is not None
            return "text"

    counter = TokenCounter()
    ids = StubTensor([7, 8], "gpu:0")
    assert counter.wrap_tokenizer(Decoder(), count_decoded=True).decode(ids) == "text"
    assert (ids.reads, counter.get_total_count(), counter.get_statistics().uncounted_calls) == (0, 0, 1)
