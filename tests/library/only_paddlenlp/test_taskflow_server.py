"""A Taskflow behind PaddleNLP's own web server."""

import importlib
from typing import Any

import pytest

from library.expected import attributes_of
from recording import Recorder

TEXTS = ["第十四届全运会在西安举办", "三亚是一个美丽的城市"]


# The test client's own advice.
@pytest.mark.filterwarnings("ignore:Using `httpx` with")
def test_a_request_is_observed_once(observed: Recorder, segmenter: Any) -> None:
    """``SimpleServer`` calls the Taskflow: one pipeline for a request, and the answer is the Taskflow's."""
    server: Any = importlib.import_module("paddlenlp").SimpleServer()
    server.register_taskflow("models/words", segmenter)
    client: Any = importlib.import_module("fastapi.testclient").TestClient(server)
    response = client.post("/models/words", json={"data": {"text": TEXTS}})
    assert response.status_code == 200
    assert attributes_of(observed.span("pipeline word_segmentation"))["paddle.pipeline.inputs"] == 2
    assert observed.point("paddle.pipeline.duration").count == 1
    assert response.json()["result"] == segmenter(TEXTS)
