"""Compiling and exporting a model gives the same program with us as without."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import stacks
from library.expected import Prompts
from library.forward_models import classifier
from library.forward_readings import predictions
from recording import Recorder

# Paddle warns in many ways while it converts a program, and converts it differently where a warning raises.
pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture
def switched(stack: stacks.Stack, recorder: Recorder) -> Iterator[Callable[[bool], None]]:
    """Switches the instrumentor on or off."""
    instrumentor = stack.new_instrumentor()

    def switch(on: bool) -> None:
        if on:
            instrumentor.instrument(**recorder.providers)
        elif instrumentor.is_instrumented_by_opentelemetry:
            instrumentor.uninstrument()

    yield switch
    switch(False)


@pytest.mark.parametrize("full_graph", [True, False])
def test_a_compiled_model(
    switched: Callable[[bool], None],
    recorder: Recorder,
    stack: stacks.Stack,
    paddle: Any,
    prompts: Prompts,
    full_graph: bool,
) -> None:
    """``paddle.jit.to_static(model)``, a model inside it: the same numbers, and each call is one prediction."""

    def outputs() -> list[bytes]:
        compiled = paddle.jit.to_static(classifier(stack, paddle), full_graph=full_graph)
        return [compiled(**prompts.both).numpy().tobytes() for _ in range(3)]

    switched(True)
    with_us = outputs()
    assert predictions(recorder) == 3
    switched(False)
    assert with_us == outputs()


def test_a_compiled_function(
    switched: Callable[[bool], None], stack: stacks.Stack, paddle: Any, prompts: Prompts
) -> None:
    """A function that calls a model, compiled: the tracer looks at the model's class and finds what it always finds."""

    def outputs() -> list[bytes]:
        model = classifier(stack, paddle)

        def answer(input_ids: Any) -> Any:
            return model(input_ids) + 1

        compiled = paddle.jit.to_static(answer, full_graph=False)
        with paddle.no_grad():
            return [compiled(prompts.both["input_ids"]).numpy().tobytes() for _ in range(3)]

    switched(True)
    with_us = outputs()
    switched(False)
    assert with_us == outputs()


def test_a_graph_that_breaks_at_a_model(
    switched: Callable[[bool], None], recorder: Recorder, stack: stacks.Stack, paddle: Any, prompts: Prompts
) -> None:
    """What the tracer cannot compile is called as usual: seen by us, and our code is not compiled in its place."""
    from paddle.jit.sot.opcode_translator.executor import executor_cache  # noqa: PLC0415 - Paddle is late

    translated: list[str] = []

    def outputs() -> list[bytes]:
        model = classifier(stack, paddle, lambda: translated.append(str(paddle.ones([1]).numpy())))

        def answer(input_ids: Any) -> Any:
            return model(input_ids) + 1

        compiled = paddle.jit.to_static(answer, full_graph=False)
        with paddle.no_grad():
            return [compiled(prompts.both["input_ids"]).numpy().tobytes() for _ in range(3)]

    switched(True)
    with_us = outputs()
    files = {code.co_filename for code in executor_cache.OpcodeExecutorCache().cache}
    assert files, "nothing was compiled"
    assert not [file for file in files if "paddle_otel" in file or "opentelemetry" in file]
    switched(False)
    assert with_us == outputs()
    assert predictions(recorder) == 3


@pytest.mark.parametrize("full_graph", [True, False])
def test_an_exported_model(
    switched: Callable[[bool], None],
    recorder: Recorder,
    stack: stacks.Stack,
    paddle: Any,
    prompts: Prompts,
    tmp_path: Path,
    full_graph: bool,
) -> None:
    """``paddle.jit.save``: the exported program's numbers, and tracing is no prediction."""
    ids = prompts.both["input_ids"]

    def exported(name: str) -> bytes:
        shape = paddle.static.InputSpec([None, None], "int64")
        program = paddle.jit.to_static(classifier(stack, paddle), input_spec=[shape], full_graph=full_graph)
        paddle.jit.save(program, str(tmp_path / name), input_spec=[shape])
        return paddle.jit.load(str(tmp_path / name))(ids).numpy().tobytes()

    switched(True)
    with_us = exported("with-us")
    assert predictions(recorder) == 0
    assert recorder.spans() == []
    switched(False)
    assert with_us == exported("alone")


def test_a_static_program(
    switched: Callable[[bool], None], recorder: Recorder, stack: stacks.Stack, paddle: Any
) -> None:
    """A model called to build a program computes nothing yet."""
    switched(True)
    paddle.enable_static()
    try:
        with paddle.static.program_guard(paddle.static.Program(), paddle.static.Program()):
            ids = paddle.static.data("ids", [None, 5], "int64")
            assert classifier(stack, paddle)(ids) is not None
    finally:
        paddle.disable_static()
    assert predictions(recorder) == 0
