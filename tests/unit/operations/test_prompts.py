"""What a generation is told about where its ids came from: right or nothing, bounded, and never a text."""

import contextvars
import gc
import threading
import weakref
from collections import UserDict
from types import FunctionType, ModuleType
from typing import Any

import pytest

from paddle_otel.operations.prompts import MAXIMUM_TEXTS, Prompt, PromptLedger

PROMPT = Prompt(templated=True, tokenize_seconds=0.5, rows=2, columns=7)
OTHER = Prompt(templated=False, tokenize_seconds=0.1, rows=1, columns=3)


class Ids:
    """A tensor as far as the ledger knows: it can be weakly referenced, and says no when compared."""

    def __eq__(self, other: object) -> bool:
        raise AssertionError("a tensor's content was compared")

    __hash__ = None  # pyright: ignore[reportAssignmentType] - as tensors that define equality by element


class Encoding(UserDict[str, Any]):
    """What tokenizers return: a mapping whose lists the library may replace by tensors afterwards."""


def remember(ledger: PromptLedger, ids: Any, prompt: Prompt) -> None:
    """Remember ids that a tokenizer returned without a mapping around them."""
    ledger.remember_ids(ids, ids, prompt)


@pytest.fixture
def ledger() -> PromptLedger:
    """An empty ledger."""
    return PromptLedger()


def size_of(ledger: PromptLedger) -> int:
    """Return how many tensors and encodings it remembers."""
    held = vars(ledger)  # growth is the subject
    return len(held["_by_identity"]) + len(held["_by_encoding"])


def test_the_same_object_is_recognised(ledger: PromptLedger) -> None:
    """Ids passed on as they are: also after other calls, as often as wanted, whatever shape is claimed."""
    ids, others = Ids(), Ids()
    remember(ledger, ids, PROMPT)
    remember(ledger, others, OTHER)
    assert ledger.claim(ids, None, None) is PROMPT
    assert ledger.claim(others, 1, 3) is OTHER
    assert ledger.claim(ids, 2, 7) is PROMPT


def test_identity_holds_across_threads(ledger: PromptLedger) -> None:
    """A generation in a plain thread, which starts with an empty context, knows the ids it is given."""
    ids, found = Ids(), list[Any]()
    remember(ledger, ids, PROMPT)
    thread = threading.Thread(target=lambda: found.append(ledger.claim(ids, 2, 7)))
    thread.start()
    thread.join()
    assert found == [PROMPT]


def test_the_shape_of_the_call_before_is_recognised_once(ledger: PromptLedger) -> None:
    """Lists that became a tensor are known by their shape, for the next generation only."""
    remember(ledger, [[1] * 7] * 2, PROMPT)
    assert ledger.claim(Ids(), 2, 7) is PROMPT
    assert ledger.claim(Ids(), 2, 7) is None


@pytest.mark.parametrize(("rows", "columns"), [(2, 8), (1, 7), (7, 2), (None, None)])
def test_another_shape_is_unknown_and_ends_the_claim(ledger: PromptLedger, rows: Any, columns: Any) -> None:
    """A generation of another shape is not that prompt's, and neither is the one after it."""
    remember(ledger, [1], PROMPT)
    assert ledger.claim(Ids(), rows, columns) is None
    assert ledger.claim(Ids(), 2, 7) is None


def test_another_task_s_prompt_is_not_claimed(ledger: PromptLedger) -> None:
    """Prompts of the same shape in two tasks at once are not mixed up."""
    first, second = contextvars.copy_context(), contextvars.copy_context()
    first.run(remember, ledger, [1], PROMPT)
    assert second.run(ledger.claim, Ids(), 2, 7) is None
    assert ledger.claim(Ids(), 2, 7) is None
    assert first.run(ledger.claim, Ids(), 2, 7) is PROMPT


def test_a_generation_without_ids(ledger: PromptLedger) -> None:
    """No ids at all are nobody's."""
    remember(ledger, Ids(), PROMPT)
    assert ledger.claim(None, 1, 1) is None


def test_ids_that_are_gone_are_forgotten(ledger: PromptLedger) -> None:
    """Memory does not grow with requests, and a new object at an old address is not taken for the old one."""
    ids: Ids | None = None
    for _ in range(1000):
        ids = Ids()
        remember(ledger, ids, PROMPT)
        ledger.claim(ids, 2, 7)
    ids = None
    gc.collect()
    assert size_of(ledger) == 0
    assert ids is None
    assert ledger.claim(Ids(), 9, 9) is None


def test_remembering_keeps_nothing_alive(ledger: PromptLedger) -> None:
    """The ledger does not keep a device's memory from being freed."""
    ids = Ids()
    gone = weakref.ref(ids)
    remember(ledger, ids, PROMPT)
    remember(ledger, ids, OTHER)
    assert ledger.claim(ids, 1, 3) is OTHER
    del ids
    assert gone() is None
    assert size_of(ledger) == 0


def test_an_encoding_whose_lists_became_a_tensor(ledger: PromptLedger) -> None:
    """Ids are known by the encoding that holds them now, after other calls and in another thread too."""
    encoding = Encoding(input_ids=[[1] * 7] * 2)
    ledger.remember_ids(encoding, encoding["input_ids"], PROMPT)
    encoding["input_ids"] = ids = Ids()
    remember(ledger, [1], OTHER)
    assert contextvars.Context().run(ledger.claim, ids, 2, 7) is PROMPT
    assert ledger.claim(Ids(), 2, 7) is None
    del encoding
    gc.collect()
    assert size_of(ledger) == 0


def test_a_data_set_of_encodings_is_not_remembered(ledger: PromptLedger) -> None:
    """A program may keep every encoding it ever made; the ledger stays small, so a generation's lookup stays fast."""
    kept = [Encoding(input_ids=[number]) for number in range(MAXIMUM_TEXTS + 1000)]
    for encoding in kept:
        ledger.remember_ids(encoding, encoding["input_ids"], PROMPT)
    assert size_of(ledger) <= MAXIMUM_TEXTS
    kept[-1]["input_ids"] = ids = Ids()
    assert ledger.claim(ids, 9, 9) is PROMPT


def test_templated_texts(ledger: PromptLedger) -> None:
    """A text that a template produced is known; another is not."""
    ledger.remember_templated_text("<user>Hello")
    assert ledger.is_templated_text("<user>" + "Hello")
    assert not ledger.is_templated_text("Hello")


def test_templated_texts_are_bounded(ledger: PromptLedger) -> None:
    """The oldest are forgotten first."""
    for number in range(MAXIMUM_TEXTS + 3):
        ledger.remember_templated_text(f"text {number}")
    known = [ledger.is_templated_text(f"text {number}") for number in range(MAXIMUM_TEXTS + 3)]
    assert known == [False] * 3 + [True] * MAXIMUM_TEXTS


def test_no_text_is_held(ledger: PromptLedger) -> None:
    """Nothing reachable from the ledger is the text or a part of it."""
    secret = "the user's secret prompt"
    ledger.remember_templated_text(secret)
    ids = Ids()
    remember(ledger, ids, PROMPT)
    encoding = Encoding(input_ids=[1], text=secret)
    ledger.remember_ids(encoding, encoding["input_ids"], PROMPT)
    assert "secret" not in " ".join(reachable(vars(ledger), depth=6))
    assert "secret" in " ".join(reachable({"a": [(secret,)]}, depth=6)), "the search finds what is there"


def reachable(held: object, depth: int) -> list[str]:
    """Return every text that can be reached over strong references, and the names of what is on the way."""
    if isinstance(held, str):
        return [held]
    if depth == 0 or isinstance(held, (type, ModuleType, FunctionType)):
        return []
    return [text for referent in gc.get_referents(held) for text in reachable(referent, depth - 1)]


def test_many_threads(ledger: PromptLedger) -> None:
    """Eight threads each get their own prompts back."""
    wrong = list[Any]()

    def work(number: int) -> None:
        for columns in range(500):
            prompt = Prompt(templated=False, tokenize_seconds=0.0, rows=number, columns=columns)
            ledger.remember_templated_text(f"{number} {columns}")
            ids = Ids()
            remember(ledger, ids if columns % 2 else [1], prompt)
            if ledger.claim(ids, number, columns) is not prompt:
                wrong.append(prompt)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
