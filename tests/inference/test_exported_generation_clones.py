"""Clones of a predictor that generates, as a server makes one for each of its threads."""

from pathlib import Path
from typing import Any

import numpy as np

from inference.programs import computing, predictor_of, run, save
from recording import Recorder


def test_a_clone_keeps_the_name(observed: Recorder, paddle: Any, tmp_path: Path) -> None:
    """A clone, and a clone of a clone: spans and metrics carry the name, the device and the counts."""

    def forward(self: Any, input_ids: Any, max_new_tokens: Any) -> Any:
        new = paddle.arange(0, max_new_tokens, 1, dtype="int64").unsqueeze(0) + paddle.cast(self.one, "int64") * 50
        return paddle.expand(new, [input_ids.shape[0], -1])

    path = tmp_path / "writer" / "model"
    inputs: list[tuple[str, list[int | None], str]] = [
        ("input_ids", [None, None], "int64"),
        ("max_new_tokens", [1], "int64"),
    ]
    save(paddle, computing(paddle, forward), path, inputs)
    writer = predictor_of(paddle, path)
    clone = writer.clone()
    for predictor in (clone, clone.clone()):
        observed.clear_spans()
        (ids,) = run(predictor, np.array([[9, 5, 1]]), np.array([2]))
        assert ids.tolist() == [[50, 51]]
        (span,) = observed.spans()
        attributes = dict(span.attributes or {})
        assert span.name == "text_completion writer"
        assert attributes["gen_ai.request.model"] == "writer"
        assert attributes["paddle.device"] == "cpu"
        assert attributes["gen_ai.usage.output_tokens"] == 2
    point = observed.point("gen_ai.client.operation.duration")
    assert (point.attributes["gen_ai.request.model"], point.count) == ("writer", 2)
