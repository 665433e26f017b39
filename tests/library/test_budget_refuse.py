"""A budget with the action ``refuse`` keeps a generation from beginning, and raises the one exception of ours."""

import gc
import threading
import weakref
from typing import Any

import pytest
from opentelemetry.instrumentation.utils import suppress_instrumentation
from opentelemetry.trace import StatusCode

import stacks
from budgeted import budget, used
from library.expected import Prompts, attributes_of, generation, generations, rows_of
from paddle_otel.budgets import BudgetExceeded
from recording import Recorder

ERROR = f"{BudgetExceeded.__module__}.BudgetExceeded"
OPTIONS = {"max_new_tokens": 4, "eos_token_id": None}


def test_nothing_is_computed(observed: Recorder, llama: Any, prompts: Prompts) -> None:
    """The exception says which budget, and the model is not called at all; then it works as ever."""
    calls: list[Any] = []

    def note(*_: Any) -> None:
        calls.append(1)

    hook = llama.register_forward_pre_hook(note)
    with budget(3, "refuse", counts="both") as name:
        with pytest.raises(BudgetExceeded) as caught:
            llama.generate(**prompts.first, **OPTIONS)
        error = caught.value
        assert (error.budget, error.scope, error.limit, error.used) == (name, "request", 3, 0)
        assert error.__context__ is error.__cause__ is None
    hook.remove()
    assert calls == []
    assert [len(row) for row in rows_of(llama.generate(**prompts.first, **OPTIONS)[0])] == [4]
    refused, served = generations(observed)
    found = attributes_of(refused)
    assert refused.status.status_code is StatusCode.ERROR
    assert found["error.type"] == ERROR
    assert found["paddle.budget.name"] == name
    assert (found["gen_ai.usage.input_tokens"], found["gen_ai.usage.output_tokens"]) == (0, 0)
    assert observed.children(refused) == []
    assert "error.type" not in attributes_of(served)
    first, second = observed.events("paddle.usage")
    billed = dict(first.attributes or {})
    assert (billed["gen_ai.usage.input_tokens"], billed["gen_ai.usage.output_tokens"]) == (0, 0)
    assert billed["error.type"] == ERROR
    assert "error.type" not in dict(second.attributes or {})


def test_a_limit_of_zero_refuses_all(observed: Recorder, llama: Any, prompts: Prompts) -> None:
    """Each call raises a new exception, and is one span and one usage event."""
    errors: list[BudgetExceeded] = []
    with budget(0, "refuse", scope="process") as name:
        for _ in range(3):
            with pytest.raises(BudgetExceeded) as caught:
                llama.generate(**prompts.both, **OPTIONS)
            errors.append(caught.value)
        assert used(name) in (0, None)
    assert len({id(error) for error in errors}) == 3
    assert len(generations(observed)) == len(observed.events("paddle.usage")) == 3
    assert observed.points("paddle.tokens") == []
    assert observed.point("paddle.request.active").value == 0


def test_what_was_running_goes_on(observed: Recorder, llama: Any, prompts: Prompts) -> None:
    """Without ``stop`` a generation that began may go beyond the budget; the next one is refused."""
    with budget(6, "refuse", scope="process") as name:
        ids, _ = llama.generate(**prompts.first, max_new_tokens=9, eos_token_id=None)
        assert [len(row) for row in rows_of(ids)] == [9]
        assert used(name) == 9
        with pytest.raises(BudgetExceeded):
            llama.generate(**prompts.first, **OPTIONS)
    assert len(generations(observed)) == 2


def test_stop_and_refuse_together(observed: Recorder, llama: Any, prompts: Prompts) -> None:
    """The first is ended at the token, the next one is refused."""
    with budget(6, "stop", "refuse", scope="process") as name:
        ids, _ = llama.generate(**prompts.first, max_new_tokens=9, eos_token_id=None)
        assert [len(row) for row in rows_of(ids)] == [6]
        with pytest.raises(BudgetExceeded):
            llama.generate(**prompts.first, **OPTIONS)
        assert used(name) == 6
    assert len(generations(observed)) == 2


@pytest.mark.parametrize(("limit", "is_refused"), [(5, True), (6, False)])
def test_the_prompt_is_counted_before_the_model_runs(
    limit: int, is_refused: bool, observed: Recorder, llama: Any, prompts: Prompts
) -> None:
    """A prompt of five and one token more: read off its mask in host memory."""
    with budget(limit, "refuse", counts="both"):
        if is_refused:
            with pytest.raises(BudgetExceeded):
                llama.generate(**prompts.first, **OPTIONS)
        else:
            llama.generate(**prompts.first, **OPTIONS)
    assert ("error.type" in attributes_of(generation(observed))) is is_refused


def test_whoever_waits_for_a_streamer_is_told(
    observed: Recorder, stack: stacks.Stack, llama: Any, prompts: Prompts, tokenizer: Any
) -> None:
    """Its end is called before the exception is raised, so that a reader in another thread does not wait for ever."""
    streamer = stack.module("generation").TextIteratorStreamer(tokenizer, timeout=60)
    errors: list[BudgetExceeded] = []

    def run() -> None:
        try:
            llama.generate(**prompts.first, **OPTIONS, streamer=streamer)
        except BudgetExceeded as error:
            errors.append(error)

    with budget(0, "refuse"):
        thread = threading.Thread(target=run)
        thread.start()
        assert "".join(streamer) == ""
        thread.join()
    assert len(errors) == 1
    assert generation(observed)


def test_a_streamer_that_cannot_end(observed: Recorder, llama: Any, prompts: Prompts, telemetry_trouble: Any) -> None:
    """What it raises does not hide the refusal."""
    telemetry_trouble.expected = True

    class Streamer:
        def put(self, _: Any) -> None:
            raise AssertionError("nothing was computed")

        def end(self) -> None:
            raise ConnectionError("nobody listens")

    with budget(0, "refuse"), pytest.raises(BudgetExceeded) as caught:
        llama.generate(**prompts.first, **OPTIONS, streamer=Streamer())
    assert caught.value.__context__ is None
    assert generation(observed)


def test_nothing_of_the_caller_is_kept(observed: Recorder, llama: Any, prompts: Prompts) -> None:
    """When the exception is gone, what the call was given is gone too, without a collection of garbage."""

    class Streamer:
        def put(self, ids: Any) -> None:
            """Nothing."""

        def end(self) -> None:
            """Nothing."""

    streamer = Streamer()
    gone = weakref.ref(streamer)
    gc.collect()
    gc.disable()
    try:
        with budget(0, "refuse"):
            try:
                llama.generate(**prompts.first, **OPTIONS, streamer=streamer)
            except BudgetExceeded:
                del streamer
        assert gone() is None
    finally:
        gc.enable()
    assert generation(observed)


def test_suppressed_instrumentation_has_no_budgets(observed: Recorder, llama: Any, prompts: Prompts) -> None:
    """Where the program switches observation off it switches budgets off."""
    with budget(0, "stop", "refuse"), suppress_instrumentation():
        ids, _ = llama.generate(**prompts.first, **OPTIONS)
    assert [len(row) for row in rows_of(ids)] == [4]
    assert generations(observed) == []


def test_uninstrumented_there_are_no_budgets(
    observed: Recorder, stack: stacks.Stack, llama: Any, prompts: Prompts
) -> None:
    """Budgets are part of what ``uninstrument()`` takes away."""
    stack.new_instrumentor().uninstrument()
    with budget(0, "stop", "refuse"):
        ids, _ = llama.generate(**prompts.first, **OPTIONS)
    assert [len(row) for row in rows_of(ids)] == [4]
    assert generations(observed) == []


def test_budgets_need_no_sdk(stack: stacks.Stack, llama: Any, prompts: Prompts, paddle: Any) -> None:
    """Without any OpenTelemetry SDK they stop and refuse all the same."""
    assert paddle
    instrumentor = stack.new_instrumentor()
    instrumentor.instrument()
    try:
        with budget(3, "stop", "refuse", scope="process"):
            ids, _ = llama.generate(**prompts.first, **OPTIONS)
            assert [len(row) for row in rows_of(ids)] == [3]
            with pytest.raises(BudgetExceeded):
                llama.generate(**prompts.first, **OPTIONS)
    finally:
        instrumentor.uninstrument()
