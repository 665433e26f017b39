"""A pretrained model that computes nothing, called as ``model(**inputs)``."""

import importlib
from collections.abc import Callable
from typing import Any

from paddle_otel.operations.prediction import inside_model_call
from stacks import STACKS


def forward_ways() -> list[tuple[str, float, Callable[[], Any], Callable[[], Any]]]:
    """Return title, goal, observed and plain call: of one inside another model's call, and of an outermost one."""
    paddle: Any = importlib.import_module("paddle")
    stack = STACKS["formers"]
    library: Any = stack.module("transformers.model_utils")
    config = stack.model("llama").config

    class Model(library.PretrainedModel):  # type: ignore[misc]
        def forward(self, input_ids: Any = None, attention_mask: Any = None) -> Any:
            """Return what it is given."""
            del attention_mask
            return input_ids

    model = Model(config)
    model.eval()
    ids = paddle.ones([2, 8], dtype="int64")
    plain_call = paddle.nn.Layer.__call__
    inside = inside_model_call()

    def inner(call: Any) -> Any:
        token = inside.set(True)
        result = call()
        inside.reset(token)
        return result

    def observed() -> Any:
        return model(input_ids=ids, attention_mask=ids)

    def plain() -> Any:
        return plain_call(model, input_ids=ids, attention_mask=ids)

    return [
        ("a call inside another model's call", 5, lambda: inner(observed), lambda: inner(plain)),
        ("an outermost call, no span due", 50, observed, plain),
    ]
