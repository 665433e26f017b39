"""What a forward was given, told without waiting for a device."""

from types import SimpleNamespace
from typing import Any

import pytest

from paddle_otel.operations.predicted_model import PredictionFacts
from paddle_otel.operations.prompts import PromptLedger
from paddle_otel.pretrained.forward_inputs import forward_facts, leading_dimensions, named_inputs, parameter_names
from paddle_otel.pretrained.model_facts import makes_embeddings
from stubs.tensors import StubTensor

IDS = [[1, 2, 3], [4, 5, 0]]
MASK = [[1, 1, 1], [1, 1, 0]]


def test_a_mask_on_a_device_is_not_read() -> None:
    """Its shape tells the rows; its content would have to be copied."""
    ids, mask = StubTensor(IDS, "gpu:0"), StubTensor(MASK, "gpu:0")
    assert forward_facts({"input_ids": ids, "attention_mask": mask}, PromptLedger()) == PredictionFacts(2, None)
    assert (ids.reads, mask.reads) == (0, 0)


def test_a_mask_in_host_memory_is_read_once() -> None:
    """The ids never are."""
    ids, mask = StubTensor(IDS), StubTensor(MASK)
    assert forward_facts({"input_ids": ids, "attention_mask": mask}, PromptLedger()) == PredictionFacts(2, 5)
    assert (ids.reads, mask.reads) == (0, 1)


def test_nothing_is_read_without_a_mask() -> None:
    """Rows only."""
    ids = StubTensor(IDS)
    assert forward_facts({"input_ids": ids}, PromptLedger()) == PredictionFacts(2, None)
    assert ids.reads == 0


@pytest.mark.parametrize("name", ["inputs_embeds", "pixel_values", "input_features", "input_values", "src_ids"])
def test_rows_of_other_inputs(name: str) -> None:
    """Where there are no ids, what the model takes in their place."""
    assert forward_facts({name: StubTensor([[[1.0]] * 3] * 4)}, PromptLedger()).batch_size == 4


def test_embeddings_have_tokens_too() -> None:
    """A mask over rows and positions of three-dimensional inputs."""
    inputs = {"inputs_embeds": StubTensor([[[0.5]] * 3] * 2), "attention_mask": StubTensor(MASK)}
    assert forward_facts(inputs, PromptLedger()) == PredictionFacts(2, 5)


def test_a_mask_with_more_dimensions_is_no_count() -> None:
    """It says for each position which others it sees."""
    inputs = {"input_ids": StubTensor(IDS), "attention_mask": StubTensor([[MASK]])}
    assert forward_facts(inputs, PromptLedger()) == PredictionFacts(2, None)


def test_nothing_known_is_absent() -> None:
    """No inputs, and inputs of which nobody knows what they are."""
    assert forward_facts({}, PromptLedger()) == PredictionFacts(None, None)
    assert forward_facts({"something": StubTensor(IDS), "input_ids": None}, PromptLedger()) == PredictionFacts(
        None, None
    )


def test_one_mapping_holds_the_inputs() -> None:
    """``model.encode(features)``; with two (queries and passages) nobody knows which rows are meant."""
    features = {"input_ids": StubTensor(IDS)}
    assert forward_facts(named_inputs(("features", "length"), (features, 3), {}), PromptLedger()).batch_size == 2
    assert (
        forward_facts(named_inputs(("query", "passage"), (features, features), {}), PromptLedger()).batch_size is None
    )


def test_leading_dimensions() -> None:
    """Of tensors only, and none at all where one of them has no dimension: the list could not be matched to names."""
    given: dict[str, Any] = {"ids": StubTensor(IDS), "flag": True, "none": None}
    assert leading_dimensions(given) == {"ids": 2}
    assert leading_dimensions({**given, "loss": StubTensor(1.5)}) == {}


def test_a_mask_that_is_added_is_no_count() -> None:
    """0 keeps, and less than 0 takes away: what is not 0 is the padding."""
    ids, mask = StubTensor(IDS), StubTensor([[0] * len(IDS[0])] * (len(IDS) - 1) + [[-10000] * len(IDS[0])])
    given = {"input_ids": ids, "attention_mask": mask}
    assert forward_facts(given, PromptLedger()) == PredictionFacts(len(IDS), None)


def test_parameter_names() -> None:
    """Those that positional arguments get."""

    def forward(self: Any, input_ids: Any, *more: Any, mask: Any = None, **rest: Any) -> Any:
        return self, input_ids, more, mask, rest

    assert parameter_names(forward) == ("input_ids",)


def test_only_known_classes_make_embeddings() -> None:
    """By their exact name: what a subclass returns is not known."""
    known = type("ClapTextModelWithProjection", (SimpleNamespace,), {})
    assert makes_embeddings(known())
    assert not makes_embeddings(type("Mine", (known,), {})())
