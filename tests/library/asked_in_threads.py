"""A service that answers each tenant's request in another thread, and what its telemetry then says."""

from collections.abc import Callable
from contextvars import copy_context
from threading import Thread
from typing import Any

from opentelemetry.sdk.trace import ReadableSpan

import stacks
from budgeted import budget
from library.expected import Prompts, attributes_of, rows_of
from paddle_otel.identity import identify
from recording import Recorder

TENANT = "acme"
LIMIT = 7
# An id that the model cannot write.
ENDLESS = {"max_new_tokens": 20, "eos_token_id": stacks.VOCABULARY_SIZE}

Call = Callable[[], object]


class Service:
    """Streams the answers of a model.

    Args:
        recorder: Where its telemetry goes.
        model: The model.
        streamer: Makes what is handed the tokens.
    """

    def __init__(self, recorder: Recorder, model: Any, streamer: Callable[[], Any]) -> None:
        self._recorder = recorder
        self._model = model
        self._streamer = streamer

    def answer(self, prompts: Prompts, start: Callable[[Call], Call]) -> list[list[int]]:
        """Answer a request of the tenant, who has a budget that stops.

        Args:
            prompts: What is asked.
            start: Starts a call in another thread; returns what waits for its end.

        Returns:
            What was written.
        """
        written: list[Any] = []
        streamer = self._streamer()
        tracer = self._recorder.tracer_provider.get_tracer("a service")

        def generate() -> None:
            written.extend(self._model.generate(**prompts.first, **ENDLESS, streamer=streamer))

        with (
            budget(LIMIT, scope="tenant", counts="output"),
            tracer.start_as_current_span("request"),
            identify(tenant=TENANT),
        ):
            wait = start(generate)
            for _ in streamer:
                """Read to its end."""
            wait()
        return rows_of(written[0])


def in_a_thread(call: Call) -> Call:
    """Start a thread of the program, the usual way."""
    thread = Thread(target=call)
    thread.start()
    return thread.join


def in_a_thread_with_a_copy(call: Call) -> Call:
    """Start a thread that runs in a copy of the context."""
    thread = Thread(target=copy_context().run, args=(call,))
    thread.start()
    return thread.join


def assert_is_of_the_request(recorder: Recorder, span: ReadableSpan, written: list[list[int]]) -> None:
    """The generation is in the request's trace, of the tenant, and its budget has ended it."""
    request = recorder.span("request")
    assert request.context is not None
    assert span.parent is not None
    assert span.parent.span_id == request.context.span_id
    found = attributes_of(span)
    assert found["paddle.tenant.id"] == TENANT
    assert found["gen_ai.request.stream"] is True
    assert found["gen_ai.response.finish_reasons"] == ("budget",)
    assert found["gen_ai.usage.output_tokens"] == LIMIT
    assert [len(row) for row in written] == [LIMIT]
    assert [child.name for child in recorder.children(span)] == ["prefill", "decode"]
