"""A tracked tokenizer of each library is used as the original, and counts what the library's results hold."""

import copy
import importlib
import io
import json
import pickle
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import stacks
from library.expected import rows_of
from library.tokens import plain, tokens_in
from paddle_otel.monitor.token_counter import TokenCounter

SHORT, LONG = "what is", "the capital of france"
PADDED: dict[str, Any] = {"padding": True}

CALLS: dict[str, Callable[[Any], Any]] = {
    "a text": lambda it: it(LONG),
    "a text by name": lambda it: it(text=LONG),
    "nothing": lambda it: it(""),
    "texts": lambda it: it([SHORT, LONG]),
    "a pair": lambda it: it(SHORT, LONG),
    "words": lambda it: it(SHORT.split(), is_split_into_words=True),
    "padded texts": lambda it: it([SHORT, LONG], **PADDED),
    "padded texts with a mask": lambda it: it([SHORT, LONG], **PADDED, return_attention_mask=True),
    "a text padded to a length": lambda it: it(LONG, padding="max_length", max_length=12),
    "texts padded to a multiple": lambda it: it([SHORT, LONG], **PADDED, pad_to_multiple_of=8),
    "a tensor": lambda it: it(LONG, return_tensors="pd"),
    "padded tensors": lambda it: it([SHORT, LONG], **PADDED, return_tensors="pd"),
    "padded arrays": lambda it: it([SHORT, LONG], **PADDED, return_tensors="np"),
    "encode": lambda it: it.encode(LONG),
    "encode to a tensor": lambda it: it.encode(LONG, return_tensors="pd"),
    "encode a pair": lambda it: it.encode(SHORT, LONG),
    "without special tokens": lambda it: it(LONG, add_special_tokens=False),
    "cut short": lambda it: it(LONG, truncation=True, max_length=3),
}


@pytest.fixture
def made(stack: stacks.Stack, tokenizer_kind: str, tmp_path: Path, paddle: Any) -> Any:
    """A tokenizer of each kind; no instrumentor is on."""
    assert paddle
    return stack.tokenizer(tokenizer_kind, tmp_path)


@pytest.fixture
def counter() -> TokenCounter:
    """A new one."""
    return TokenCounter()


@pytest.mark.parametrize("name", CALLS)
def test_calls_are_counted_and_results_are_the_librarys(name: str, made: Any, counter: TokenCounter) -> None:
    """The very same types and contents; every id that is not padding counts; the original counts nothing."""
    result = CALLS[name](counter.wrap_tokenizer(made))
    assert plain(result) == plain(CALLS[name](made))
    found = counter.get_statistics()
    assert (found.input_tokens, found.encode_calls, found.uncounted_calls) == (tokens_in(result), 1, 0)
    assert found.output_tokens == 0


@pytest.mark.parametrize(
    "names", [("encode_plus", LONG), ("batch_encode", [SHORT, LONG]), ("batch_encode_plus", [SHORT, LONG])]
)
def test_variants_that_a_library_has(names: tuple[str, Any], made: Any, counter: TokenCounter) -> None:
    """Are there exactly where the original has them, and count."""
    name, text = names
    tracked = counter.wrap_tokenizer(made)
    assert hasattr(tracked, name) == hasattr(made, name)
    result = getattr(made, name, made)(text)
    assert plain(getattr(tracked, name, tracked)(text)) == plain(result)
    assert counter.get_total_count() == tokens_in(result)


def test_chat_templates(made: Any, stack: stacks.Stack, counter: TokenCounter) -> None:
    """Rendered they are text; the ids that they become count once."""
    tracked = counter.wrap_tokenizer(made)
    text = stack.chat(tracked, "what is it", tokenize=False)
    assert text == stack.chat(made, "what is it", tokenize=False)
    assert counter.get_total_count() == 0
    result = stack.chat(tracked, "what is it", return_tensors="pd")
    assert plain(result) == plain(stack.chat(made, "what is it", return_tensors="pd"))
    assert (counter.get_total_count(), counter.get_statistics().encode_calls) == (tokens_in(result), 1)


def test_what_makes_no_ids_of_text_is_not_counted(made: Any, counter: TokenCounter) -> None:
    """Cutting into tokens, looking ids up, padding, decoding: same results, no tokens."""
    tracked = counter.wrap_tokenizer(made)
    ids = made(LONG)["input_ids"]
    uses: list[Callable[[Any], Any]] = [
        lambda it: it.tokenize(LONG),
        lambda it: it.convert_tokens_to_ids(it.tokenize(LONG)),
        lambda it: it.convert_ids_to_tokens(ids),
        lambda it: it.pad({"input_ids": [ids, ids[:2]]}),
        lambda it: it.decode(ids),
        lambda it: it.batch_decode([ids, ids], skip_special_tokens=True),
    ]
    for use in uses:
        assert plain(use(tracked)) == plain(use(made))
    assert counter.get_statistics() == TokenCounter().get_statistics()


def test_decoding_counts_on_request(made: Any, counter: TokenCounter) -> None:
    """As generated tokens, once however the library decodes a batch."""
    ids = made(LONG)["input_ids"]
    tracked = counter.wrap_tokenizer(made, count_decoded=True)
    assert tracked.decode(ids) == made.decode(ids)
    assert tracked.batch_decode([ids, ids]) == made.batch_decode([ids, ids])
    assert (counter.get_output_count(), counter.get_input_count()) == (3 * len(ids), 0)


def test_it_is_the_same_tokenizer(made: Any, counter: TokenCounter) -> None:
    """Every base class, length, text, vocabulary, special tokens, attributes."""
    tracked = counter.wrap_tokenizer(made)
    assert all(isinstance(tracked, kind) for kind in type(made).__mro__)
    assert tracked.__class__ is type(made)
    assert (len(tracked), repr(tracked), tracked) == (len(made), repr(made), made)
    assert tracked.get_vocab() == made.get_vocab()
    assert tracked.all_special_tokens == made.all_special_tokens
    assert (tracked.pad_token_id, tracked.padding_side) == (stacks.PAD, "left")
    with pytest.raises(AttributeError):
        tracked.no_such_thing  # noqa: B018 - looking it up raises


@pytest.mark.parametrize("adds", ["the original", "the tracked one"])
def test_what_is_added_later_both_have(adds: str, made: Any, counter: TokenCounter) -> None:
    """Tokens, special tokens and settings, on whichever of the two."""
    tracked = counter.wrap_tokenizer(made)
    one, other = (made, tracked) if adds == "the original" else (tracked, made)
    length = len(one)
    assert one.add_tokens(["gargantuan"]) == 1
    one.add_special_tokens({"additional_special_tokens": ["[tool]"]})
    assert len(other) == length + 2
    assert plain(other("gargantuan [tool]")) == plain(one("gargantuan [tool]"))
    one.padding_side = "right"
    assert plain(other([SHORT, LONG], padding=True)) == plain(one([SHORT, LONG], padding=True))
    assert other.padding_side == "right"
    one.sep_token = "endofturn"
    assert other.sep_token_id == one.sep_token_id == made.convert_tokens_to_ids("endofturn")


def test_saved_and_loaded(made: Any, counter: TokenCounter, tmp_path: Path) -> None:
    """Files are those of the original; what is loaded by its class is one that counts only when wrapped again."""
    tracked = counter.wrap_tokenizer(made)
    for name, tokenizer in (("original", made), ("tracked", tracked)):
        tokenizer.save_pretrained(str(tmp_path / name))
    files = sorted(path.name for path in (tmp_path / "original").iterdir())
    assert files == sorted(path.name for path in (tmp_path / "tracked").iterdir())
    for name in files:
        assert (tmp_path / "original" / name).read_bytes() == (tmp_path / "tracked" / name).read_bytes()
    config = json.loads((tmp_path / "tracked" / "tokenizer_config.json").read_text(encoding="utf-8"))
    assert config["tokenizer_class"] == type(made).__name__
    for kind in (tracked.__class__, tracked):
        loaded = kind.from_pretrained(str(tmp_path / "tracked"))
        assert type(loaded) is type(made)
        assert plain(loaded(LONG)) == plain(made(LONG))
    assert counter.get_total_count() == 0


def through_pickle(tokenizer: Any) -> Any:
    """Pickle and load."""
    return pickle.loads(pickle.dumps(tokenizer))  # noqa: S301 - its own


MAKE_COPY: list[Callable[[Any], Any]] = [copy.copy, copy.deepcopy, through_pickle]


@pytest.mark.parametrize("make", MAKE_COPY)
def test_copies(make: Callable[[Any], Any], made: Any, counter: TokenCounter) -> None:
    """Copied and pickled as the original: where that raises, so does this; where it works, the copy counts."""
    tracked = counter.wrap_tokenizer(made)
    try:
        alone = make(made)
    except (TypeError, AttributeError, pickle.PicklingError) as error:
        with pytest.raises(type(error)):
            make(tracked)
        return
    copied = make(tracked)
    assert plain(copied(LONG)) == plain(alone(LONG))
    assert counter.get_total_count() == tokens_in(alone(LONG))


def pieces() -> bytes:
    """Return a model of the package ``sentencepiece``, made of two sentences."""
    trained = io.BytesIO()
    importlib.import_module("sentencepiece").SentencePieceTrainer.train(
        sentence_iterator=iter([SHORT, LONG] * 20), model_writer=trained, vocab_size=30, model_type="bpe", minloglevel=5
    )
    return trained.getvalue()


def test_a_tokenizer_of_another_package(counter: TokenCounter, paddle: Any) -> None:
    """Of ``sentencepiece``: it stays what it is, pickles, and its ids count."""
    assert paddle
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of its own types, made by SWIG
        processor = importlib.import_module("sentencepiece").SentencePieceProcessor(model_proto=pieces())
    tracked = counter.wrap_tokenizer(processor)
    ids = tracked.encode(LONG)
    assert ids == processor.encode(LONG)
    assert isinstance(tracked, type(processor))
    assert tracked.encode([SHORT, LONG]) == processor.encode([SHORT, LONG])
    assert tracked.encode(LONG, out_type=str) == processor.encode(LONG, out_type=str)
    assert (tracked.decode(ids), tracked.vocab_size()) == (processor.decode(ids), 30)
    again = through_pickle(tracked)
    assert again.encode(LONG) == ids
    assert counter.get_total_count() == 3 * len(ids) + len(processor.encode(SHORT))


def test_a_tokenizer_that_pickles(stack: stacks.Stack, counter: TokenCounter, tmp_path: Path) -> None:
    """A slow one of PaddleNLP, or one of the package that PaddleFormers builds on: the copy counts, too."""
    if stack.library == "paddlenlp":
        (tmp_path / "pieces.model").write_bytes(pieces())
        made = stack.module("transformers").LlamaTokenizer(str(tmp_path / "pieces.model"))
    else:
        base: Any = stack.tokenizer("fast", tmp_path)
        made = importlib.import_module("transformers").PreTrainedTokenizerFast.from_pretrained(base.name_or_path)
    tracked = counter.wrap_tokenizer(made)
    again = through_pickle(tracked)
    assert isinstance(again, type(made))
    assert plain(again(LONG)) == plain(made(LONG))
    deep = copy.deepcopy(tracked)
    assert plain(deep(LONG)) == plain(made(LONG))
    assert counter.get_total_count() == 2 * tokens_in(made(LONG))


class Texts:
    """A data set that tokenizes in the worker that reads it.

    Args:
        tokenizer: A tracked one.
        counter: What it is tracked by.
    """

    def __init__(self, tokenizer: Any, counter: TokenCounter) -> None:
        self._tokenizer = tokenizer
        self._counter = counter

    def __len__(self) -> int:
        return 8

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        ids = self._tokenizer(LONG)["input_ids"]
        return np.array(ids), np.array(self._counter.get_total_count())


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")
def test_workers_of_a_data_loader(made: Any, counter: TokenCounter, paddle: Any) -> None:
    """They tokenize as the program does, and each counts for itself, from 0; the program's counts stay its own."""
    tracked = counter.wrap_tokenizer(made)
    counter.log_input_tokens(1000)
    data = type("Data", (Texts, paddle.io.Dataset), {})(tracked, counter)
    loader = paddle.io.DataLoader(data, batch_size=1, num_workers=2, use_shared_memory=False)
    tokens = len(made(LONG)["input_ids"])
    found = [(rows_of(ids)[0], count.tolist()[0]) for ids, count in loader]
    assert [ids for ids, _ in found] == [made(LONG)["input_ids"]] * 8
    assert sorted(count for _, count in found) == sorted([tokens * turn for turn in (1, 2, 3, 4)] * 2)
    assert counter.get_total_count() == 1000


def test_a_data_collator(made: Any, counter: TokenCounter, stack: stacks.Stack) -> None:
    """Takes a tracked tokenizer for its padding: same tensors, nothing counted."""
    collators = stack.module("data")
    rows = [dict(made(text)) for text in (SHORT, LONG)]
    kind = getattr(collators, "DataCollatorWithPadding", None)
    if kind is None:  # PaddleFormers has one that pads labels as well
        kind = collators.DataCollatorForTokenClassification
        rows = [{**row, "labels": row["input_ids"]} for row in rows]
    collate = [kind(tokenizer) for tokenizer in (made, counter.wrap_tokenizer(made))]
    alone, tracked = (one([dict(row) for row in rows]) for one in collate)
    assert plain(tracked) == plain(alone)
    assert counter.get_total_count() == 0
