"""Which runs of an executor are predictions, and which are not."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from inference.jit_programs import bits, predictions, switched_on
from inference.static_programs import build, features, static_mode
from recording import Recorder

FEED = {"features": features()}

# What Paddle 3 says of its own code when it makes the gradients of a program.
pytestmark = pytest.mark.filterwarnings("ignore:.*do not have 'place' interface:UserWarning")


@pytest.mark.parametrize("optimizer", ["SGD", "Adam", "AdamW", "Momentum", "Lamb", "RMSProp"])
def test_training_is_not_a_prediction(observed: Recorder, paddle: Any, optimizer: str) -> None:
    """Neither giving parameters their first values, nor a step, nor a step whose outputs nobody asks for."""
    with static_mode(paddle) as executor:
        built = build(paddle, optimizer)
        executor.run(built.startup)
        executor.run(built.training, feed=FEED, fetch_list=[built.loss])
        executor.run(built.training, feed=FEED)
    assert observed.points("paddle.prediction.duration") == []
    assert observed.spans() == []


def test_a_program_that_only_applies_gradients_trains(observed: Recorder, paddle: Any) -> None:
    """An optimizer is enough: the gradients may come from elsewhere, or be made of other operators."""
    with static_mode(paddle) as executor:
        program, startup = paddle.static.Program(), paddle.static.Program()
        with paddle.static.program_guard(program, startup):
            parameter = paddle.static.create_parameter([4], "float32")
            gradient = paddle.static.data("gradient", [4], "float32")
            total = paddle.mean(gradient)
            paddle.optimizer.SGD(learning_rate=0.1).apply_gradients([(parameter, gradient)])
        executor.run(startup)
        executor.run(program, feed={"gradient": np.ones(4, "float32")}, fetch_list=[total])
    assert predictions(observed) == 0


def test_training_learns_what_it_learns(recorder: Recorder, paddle: Any) -> None:
    """The losses of ten steps are the plain ones, bit by bit."""

    def losses() -> list[bytes]:
        with static_mode(paddle) as executor:
            paddle.seed(5)
            built = build(paddle)
            executor.run(built.startup)
            steps = [executor.run(built.training, feed=FEED, fetch_list=[built.loss]) for _ in range(10)]
        return [one for step in steps for one in bits(step)]

    plain = losses()
    with switched_on(recorder):
        assert losses() == plain
    assert len(set(plain)) == 10


def test_a_program_of_your_own_predicts_without_a_name(observed: Recorder, paddle: Any) -> None:
    """It is given inputs, is asked for outputs, and learns nothing; asked for nothing it is no prediction."""
    with static_mode(paddle) as executor:
        built = build(paddle)
        executor.run(built.startup)
        executor.run(built.forward, feed=FEED, fetch_list=[built.scores])
        executor.run(built.forward, FEED, [built.scores])
        executor.run(built.forward, feed=FEED)
        executor.run(built.forward, feed=FEED, fetch_list=[])
    point = observed.point("paddle.prediction.duration")
    assert point.attributes == {"paddle.model.name": "unknown", "paddle.model.kind": "static_program"}
    assert point.count == 2


def test_a_program_that_is_given_nothing_initialises(observed: Recorder, paddle: Any) -> None:
    """A program without inputs is no model, even when it is asked for something."""
    with static_mode(paddle) as executor:
        program = paddle.static.Program()
        with paddle.static.program_guard(program, paddle.static.Program()):
            made = paddle.full([2, 2], 7.0)
        (result,) = executor.run(program, fetch_list=[made])
    assert np.array_equal(result, np.full((2, 2), 7.0, "float32"))
    assert predictions(observed) == 0


def test_the_default_program_is_one_like_any_other(observed: Recorder, paddle: Any) -> None:
    """A run without a program runs the default one; when it grows a loss and an optimizer, it trains from then on."""
    with static_mode(paddle) as executor:
        main, startup = paddle.static.Program(), paddle.static.Program()
        with paddle.static.program_guard(main, startup):
            scores = paddle.static.nn.fc(paddle.static.data("features", [None, 4], "float32"), 2)
            executor.run(startup)
            executor.run(feed=FEED, fetch_list=[scores])
            assert predictions(observed) == 1
            loss = paddle.mean(scores)
            executor.run(feed=FEED, fetch_list=[loss])
            assert predictions(observed) == 2
            paddle.optimizer.SGD(learning_rate=0.01).minimize(loss)
            executor.run(startup)
            executor.run(feed=FEED, fetch_list=[loss])
    assert predictions(observed) == 2


def test_a_loaded_program_that_is_trained_further_does_not_predict(
    observed: Recorder, paddle: Any, classifier: Path
) -> None:
    """What counts is what is in the program when it runs, not where it came from."""
    with static_mode(paddle) as executor:
        program, _, fetches = paddle.static.load_inference_model(str(classifier), executor)
        executor.run(program, feed=FEED, fetch_list=fetches)
        assert predictions(observed) == 1
        with paddle.static.program_guard(program, paddle.static.Program()):
            loss = paddle.mean(fetches[0])
            paddle.static.gradients(loss, fetches[0])
        executor.run(program, feed=FEED, fetch_list=fetches)
    assert predictions(observed) == 1


def test_a_loaded_program_predicts_whatever_it_is_asked_for(observed: Recorder, paddle: Any, classifier: Path) -> None:
    """A program that was exported for inference does nothing else."""
    with static_mode(paddle) as executor:
        program, _, _ = paddle.static.load_inference_model(str(classifier), executor)
        executor.run(program, feed=FEED)
    assert observed.point("paddle.prediction.duration").attributes["paddle.model.name"] == "scores"


def test_saving_is_not_a_prediction(observed: Recorder, paddle: Any, tmp_path: Path) -> None:
    """What Paddle runs to save and load parameters is Paddle's business."""
    with static_mode(paddle) as executor:
        built = build(paddle)
        executor.run(built.startup)
        with paddle.static.program_guard(built.forward):
            inputs = [paddle.static.data("features", [None, 4], "float32")]
        paddle.static.save(built.training, str(tmp_path / "saved"))
        paddle.static.load(built.training, str(tmp_path / "saved"), executor)
        assert inputs
    assert predictions(observed) == 0
