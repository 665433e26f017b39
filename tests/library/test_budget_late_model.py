"""Budgets are chosen when a generation begins: a model that is named later comes too late for those of a model."""

import pytest

from budgeted import budget
from global_sdk import globally, no_sdk
from library.expected import attributes_of
from paddle_otel.budgets.budget import Scope
from paddle_otel.operations import observe_generation
from recording import Recorder

__all__ = ["globally", "no_sdk"]


@pytest.mark.parametrize("scope", ["model", "process"])
@pytest.mark.parametrize("is_late", [True, False])
def test_a_budget_of_a_model_needs_its_name_at_the_start(globally: Recorder, scope: Scope, *, is_late: bool) -> None:
    """By its scope or by what it matches; the span has the name either way."""
    with (
        budget(3, scope=scope, match={"model": "tiny"}),
        observe_generation(None if is_late else "tiny", batch_size=1) as generation,
    ):
        if is_late:
            generation.set_model("tiny")
        stops = [generation.step() for _ in range(4)]
    assert stops == [False, False, not is_late, not is_late]
    (span,) = [span for span in globally.spans() if span.parent is None]
    assert attributes_of(span)["gen_ai.request.model"] == "tiny"
