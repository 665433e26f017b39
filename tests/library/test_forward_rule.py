"""Which calls of a pretrained model are predictions: the outermost ones outside training."""

import copy
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from opentelemetry.instrumentation.utils import suppress_instrumentation

import stacks
from library.expected import Prompts
from library.forward_models import CLASSES, classifier
from library.forward_readings import predictions
from recording import Recorder


@pytest.fixture
def model(stack: stacks.Stack, paddle: Any) -> Any:
    """A classifier around an encoder, in evaluation mode."""
    return classifier(stack, paddle)


def test_logits_of_a_language_model(observed: Recorder, llama: Any, paddle: Any, prompts: Prompts) -> None:
    """A real model of the library, whose base model is a pretrained model, too: one prediction."""
    with paddle.no_grad():
        llama(**prompts.both)
    assert predictions(observed) == 1
    assert observed.point("paddle.tokens").value == 8


def test_a_training_loop_has_no_predictions(observed: Recorder, model: Any, paddle: Any, prompts: Prompts) -> None:
    """Training mode with gradients; evaluation in between has them, and they end with it."""
    optimizer = paddle.optimizer.SGD(parameters=model.parameters())
    for _ in range(3):
        model.train()
        loss = model(**prompts.both).mean()
        loss.backward()
        optimizer.step()
        optimizer.clear_grad()
    assert predictions(observed) == 0
    model.eval()
    for _ in range(2):
        model(**prompts.both)
    assert predictions(observed) == 2
    model.train()
    model(**prompts.both)
    assert predictions(observed) == 2
    with paddle.no_grad():
        model(**prompts.both)
    assert predictions(observed) == 3


def test_a_frozen_model_inside_training_is_part_of_it(observed: Recorder, model: Any, prompts: Prompts) -> None:
    """The encoder in evaluation mode, the classifier around it in training."""
    model.train()
    model.encoder.eval()
    model(**prompts.both)
    assert predictions(observed) == 0
    model.encoder(**prompts.both)
    assert predictions(observed) == 1


def test_other_layers_are_not_seen(observed: Recorder, paddle: Any) -> None:
    """A plain network of the user's own."""
    network = paddle.nn.Sequential(paddle.nn.Linear(2, 2), paddle.nn.ReLU())
    network.eval()
    network(paddle.ones([1, 2]))
    assert predictions(observed) == 0


@pytest.mark.filterwarnings("ignore:The program will return to single-card operation")
def test_a_data_parallel_model_is_its_model(observed: Recorder, model: Any, paddle: Any, prompts: Prompts) -> None:
    """``paddle.DataParallel`` hands on to it."""
    wrapped = paddle.DataParallel(model)
    wrapped.eval()
    wrapped(**prompts.both)
    assert predictions(observed) == 1


def test_suppressed_forwards_are_not_seen(observed: Recorder, model: Any, prompts: Prompts) -> None:
    """Neither the outermost model nor the one inside it."""
    with suppress_instrumentation():
        model(**prompts.both)
    assert predictions(observed) == 0
    assert observed.spans() == []


def test_without_an_sdk_nothing_is_read(
    stack: stacks.Stack, model: Any, prompts: Prompts, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not even the arguments are looked at."""
    monkeypatch.setattr("paddle_otel.pretrained.forward_patches.ForwardReader", None)
    instrumentor = stack.new_instrumentor()
    instrumentor.instrument()
    assert model(**prompts.both).shape[-1] == CLASSES
    instrumentor.uninstrument()


def test_threads_do_not_hide_each_others_forwards(
    observed: Recorder, stack: stacks.Stack, paddle: Any, prompts: Prompts
) -> None:
    """Eight threads that are inside a forward at the same time: eight predictions."""
    together = threading.Barrier(8)

    def meet() -> None:
        together.wait(60)

    model = classifier(stack, paddle, meet)
    with ThreadPoolExecutor(8) as pool:
        futures = [pool.submit(lambda: model(**prompts.both)) for _ in range(8)]
        outputs = [future.result().numpy() for future in futures]
    assert predictions(observed) == 8
    assert all(np.array_equal(output, outputs[0]) for output in outputs)


@pytest.mark.parametrize("rank", [0, 1])
def test_one_rank_reports(observed: Recorder, stack: stacks.Stack, paddle: Any, prompts: Prompts, rank: int) -> None:
    """All ranks of a tensor-parallel group run the same forward; the first counts it, with the model inside."""
    model = classifier(stack, paddle)
    model.encoder.config = copy.copy(model.config)
    model.config.tensor_parallel_rank = rank
    model(**prompts.both)
    assert predictions(observed) == 1 - rank
