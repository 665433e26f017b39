"""Loaded layers in many threads, and what is left of them when they are gone."""

import gc
import threading
import weakref
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest

from inference.jit_programs import bits, predictions, rows
from paddle_otel.inference.jit_layers import KnownLayer
from recording import Recorder

THREADS = 16
CALLS = 12


@pytest.mark.parametrize("shared", [False, True])
def test_sixteen_threads_are_counted_exactly(
    observed: Recorder, paddle: Any, classifier: Path, *, shared: bool
) -> None:
    """Each call is one prediction with its own rows, with a layer for each thread or one for all."""
    one = paddle.jit.load(str(classifier))
    layers = [one if shared else paddle.jit.load(str(classifier)) for _ in range(THREADS)]
    plain = [bits(layer.forward(rows(paddle, 1 + number))) for number, layer in enumerate(layers)]
    begin = threading.Barrier(THREADS)
    # Paddle's layers are not made for two calls of one at a time; those of 3.0 switch the whole process to static mode.
    turns = threading.Lock() if shared or paddle.__version__.startswith("3.0.") else nullcontext()

    def work(number: int) -> list[list[bytes]]:
        begin.wait(60)
        results: list[list[bytes]] = []
        for _ in range(CALLS):
            with turns:
                results.append(bits(layers[number](rows(paddle, 1 + number))))
        return results

    with ThreadPoolExecutor(THREADS) as pool:
        results = list(pool.map(work, range(THREADS)))
    assert results == [[one] * CALLS for one in plain]
    assert predictions(observed) == THREADS * CALLS
    batch = observed.point("paddle.prediction.batch_size")
    assert (batch.count, batch.value) == (THREADS * CALLS, CALLS * sum(range(1, THREADS + 1)))


def test_a_layer_that_is_let_go_is_gone(observed: Recorder, paddle: Any, classifier: Path) -> None:
    """Nothing of ours keeps a layer, its inputs or its outputs alive, also after a failure."""
    left: list[weakref.ref[Any]] = []
    for wrong in (False, True):
        layer = paddle.jit.load(str(classifier))
        given = paddle.ones([3, 5]) if wrong else rows(paddle)
        left += [weakref.ref(layer), weakref.ref(given)]
        try:
            left.append(weakref.ref(layer(given)))
        except Exception:  # noqa: BLE001 - whatever Paddle raises
            assert wrong
        del layer, given
    gc.collect()
    assert [reference() for reference in left] == [None] * 5
    assert predictions(observed) == 2


def test_what_is_remembered_does_not_grow(observed: Recorder, paddle: Any, classifier: Path) -> None:
    """Layers that come and go leave no entry behind."""

    def remembered() -> int:
        gc.collect()
        return sum(isinstance(one, KnownLayer) for one in gc.get_objects())

    before = remembered()
    for _ in range(30):
        paddle.jit.load(str(classifier))(rows(paddle))
    assert remembered() == before
    assert predictions(observed) == 30
