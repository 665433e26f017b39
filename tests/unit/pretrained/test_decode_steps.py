"""What each decode step made, as the ids tell that stopping criteria are shown."""

from typing import Any

import pytest

from budgeted import budget, used
from observed import OUTPUT, raising
from paddle_otel.pretrained import generate_patches
from paddle_otel.pretrained.decode_steps import LivingRows
from stub_instrumented import Instrumented
from stubs.tensors import StubTensor

END = 2


def test_rows_end_one_after_the_other() -> None:
    """What a step made are the rows that went on before it; what follows an end does not count."""
    rows = LivingRows(frozenset({END, 3}))
    assert rows.step(StubTensor([[1, 5], [1, 5], [1, 5]])) == (3, 3)
    assert rows.step(StubTensor([[1, 5, END], [1, 5, 5], [1, 5, 5]])) == (3, 2)
    assert rows.step(StubTensor([[1, 5, END, 0], [1, 5, 5, 3], [1, 5, 5, 5]])) == (2, 1)
    # The padding of an ended row may be any id, an end again as well as one that is none.
    assert rows.step(StubTensor([[1, 5, END, 0, 7], [1, 5, 5, 3, 3], [1, 5, 5, 5, 5]])) == (1, 1)
    assert rows.step(StubTensor([[END, 7], [3, 7], [5, END]])) == (1, 0)
    assert rows.step(StubTensor([[7, 7], [7, 7], [7, 7]])) == (0, 0)


def test_without_ends_no_row_ends() -> None:
    """A model without end tokens goes on with all rows."""
    rows = LivingRows(frozenset())
    for _ in range(3):
        assert rows.step(StubTensor([[0], [END]])) == (2, 2)


def test_nothing_is_read_from_a_device() -> None:
    """There the rows that go on are not known."""
    ids = StubTensor([[1, 5], [1, 5]], "gpu:0")
    assert LivingRows(frozenset({END})).step(ids) is None
    assert ids.reads == 0


@pytest.mark.parametrize(("place", "reads"), [("cpu", 1), ("gpu:0", 0)])
def test_a_batch_with_a_budget(instrumented: Instrumented, place: str, reads: int) -> None:
    """On a device the rows count as going on until the result tells, and no step's ids are read."""
    stub = instrumented.stub(rows=2, ids=[[5, END, 0], [5, 5, 5]], place=place)
    with budget(1000):
        stub.model.generate(stub.input_ids, max_new_tokens=3)
    assert instrumented.attributes()["gen_ai.usage.output_tokens"] == 5
    assert instrumented.recorder.point("paddle.tokens", **OUTPUT).value == 5
    assert [ids.reads for ids in stub.script.shown] == [reads] * 3


@pytest.mark.parametrize("how", [{}, {"rows": 2}])
def test_without_a_budget_no_ids_are_read(instrumented: Instrumented, how: dict[str, Any]) -> None:
    """Only the result is, at the end."""
    stub = instrumented.stub(**how)
    stub.model.generate(stub.input_ids)
    assert [ids.reads for ids in stub.script.shown] == [0, 0, 0]
    assert stub.script.result[0].reads == 1


def test_a_single_sequence_is_counted_without_reading(instrumented: Instrumented) -> None:
    """Each step is a token; only at the one behind which the budget is used up somebody looks whether it ended it."""
    stub = instrumented.stub(steps=6)
    with budget(4) as name:
        ids, _ = stub.model.generate(stub.input_ids)
    assert list(ids.shape) == [1, 4]
    assert [ids.reads for ids in stub.script.shown] == [0, 0, 0, 1]
    found = instrumented.attributes()
    assert found["gen_ai.usage.output_tokens"] == 4
    assert found["gen_ai.response.finish_reasons"] == ("budget",)
    assert found["paddle.budget.name"] == name


def test_an_end_with_the_last_token_of_the_budget(instrumented: Instrumented) -> None:
    """The sequence has ended by itself: no budget is named on the span, and none was exceeded."""
    stub = instrumented.stub(ids=[[5, 5, END, 0]])
    with budget(3):
        stub.model.generate(stub.input_ids)
    found = instrumented.attributes()
    assert found["gen_ai.response.finish_reasons"] == ("stop",)
    assert "paddle.budget.name" not in found
    assert instrumented.recorder.events("paddle.budget.exceeded") == []
    assert instrumented.recorder.points("paddle.budget.exceeded") == []


def test_an_interruption_while_the_result_is_read(instrumented: Instrumented, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C is the caller's; what was taken for a step that was not made is given back all the same."""
    stub = instrumented.stub(steps=3)
    monkeypatch.setattr(generate_patches, "generation_response", raising(KeyboardInterrupt()))
    with budget(100, scope="process") as name:
        with pytest.raises(KeyboardInterrupt):
            stub.model.generate(stub.input_ids)
        assert used(name) == 3
    assert len(instrumented.recorder.spans("text_completion")) == 1
