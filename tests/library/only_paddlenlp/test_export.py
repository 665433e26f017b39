"""A real language model is exported while it is instrumented."""

from pathlib import Path
from typing import Any, cast

import pytest

import stacks
from recording import Recorder

# The model that the stack's own version of Paddle can export at all, without us.
EXPORTABLE = {"paddlenlp3": "gpt", "paddlenlp2": "opt"}


# Paddle warns in many ways while it converts a program, and converts it differently where a warning raises.
@pytest.mark.filterwarnings("ignore")
def test_a_language_model_is_exported(observed: Recorder, stack: stacks.Stack, paddle: Any, tmp_path: Path) -> None:
    """``paddle.jit.to_static`` and ``paddle.jit.save``: the program computes what the model computes."""
    model = stack.model(EXPORTABLE[stack.name])
    ids = paddle.to_tensor([[1, 5, 6]])

    def logits(result: Any) -> Any:
        return cast("Any", result[0] if isinstance(result, (list, tuple)) else result).numpy()

    expected = logits(model(ids))
    observed.clear_spans()  # a forward that takes long is one
    shape = paddle.static.InputSpec([None, None], "int64")
    program = paddle.jit.to_static(model, input_spec=[shape])
    paddle.jit.save(program, str(tmp_path / "exported"))
    assert observed.spans() == []
    assert abs(logits(paddle.jit.load(str(tmp_path / "exported"))(ids)) - expected).max() < 1e-4
