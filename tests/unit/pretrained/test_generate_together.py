"""Generations at the same time."""

import threading
from typing import Any

from recording import Recorder
from stub_instrumented import Instrumented
from stub_library import module


def test_eight_threads(instrumented: Instrumented, recorder: Recorder) -> None:
    """Generations at the same time keep their own spans, parents, steps and results."""
    together, wrong = threading.Barrier(8), list[Any]()

    def serve(number: int) -> None:
        stub = instrumented.stub(steps=number + 2, columns=number + 1)
        for _ in range(10):
            with recorder.tracer_provider.get_tracer("user").start_as_current_span(f"request {number}"):
                together.wait(10)
                if stub.model.generate(stub.input_ids) is not stub.script.result:
                    wrong.append(number)

    module(f"{instrumented.library}.transformers.model_utils")
    threads = [threading.Thread(target=serve, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    requests = [span for span in recorder.spans() if span.name.startswith("request")]
    assert len(requests) == 80
    for request in requests:
        (span,) = recorder.children(request)
        number = int(request.name.split()[1])
        assert span.attributes is not None
        assert span.attributes["gen_ai.usage.output_tokens"] == number + 2
        assert span.attributes["gen_ai.usage.input_tokens"] == number + 1
        assert [child.name for child in recorder.children(span)] == ["prefill", "decode"]
