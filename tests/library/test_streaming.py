"""Consumers of streams that leave, fail or die: the span ends once, with what was produced."""

import contextlib
import gc
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from opentelemetry.trace import StatusCode

import stacks
from budgeted import budget
from global_sdk import globally, no_sdk
from library.expected import Prompts, attributes_of, generation, generations, rows_of
from paddle_otel.operations import observe_generation, observed_generation
from recording import Recorder

__all__ = ["globally", "no_sdk"]

ENDLESS = {"max_new_tokens": 8, "eos_token_id": stacks.VOCABULARY_SIZE}


class Stream:
    """Gives the tokens of a generation in a thread to whoever iterates, as services do by hand."""

    def __init__(self, model: Any, **options: Any) -> None:
        self._ready = threading.Condition()
        self._tokens: list[int] = []
        self._is_closed = False
        self.has_ended = False
        self.error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, args=(model, options))
        self._thread.start()

    def _run(self, model: Any, options: dict[str, Any]) -> None:
        try:
            model.generate(**options, streamer=self)
        except BaseException as error:  # noqa: BLE001 - handed over to the consumer's thread
            self.error = error

    def put(self, ids: Any) -> None:
        """Take the tokens of a step; a prompt has several."""
        if self._is_closed:
            raise ConnectionError("the consumer has left")
        rows = ids.reshape([-1, ids.shape[-1]]).tolist()
        with self._ready:
            if len(rows[0]) == 1:
                self._tokens.append(rows[0][0])
            self._ready.notify()

    def end(self) -> None:
        """Take the end."""
        with self._ready:
            self.has_ended = True
            self._ready.notify()

    def __iter__(self) -> Iterator[int]:
        while True:
            with self._ready:
                self._ready.wait_for(lambda: self._tokens or self.has_ended, 60)
                if not self._tokens:
                    return
                token = self._tokens.pop(0)
            yield token

    def close(self) -> None:
        """Want no more: the next step's tokens are not taken."""
        self._is_closed = True

    def wait(self) -> None:
        """Wait for the generation."""
        self._thread.join(60)
        assert not self._thread.is_alive()


def test_a_consumer_that_stops_reading(observed: Recorder, llama: Any, prompts: Prompts) -> None:
    """The generation goes on to its end, unread: all of it was produced, and the span says so."""
    stream = Stream(llama, **prompts.first, **ENDLESS)
    for _ in stream:
        break
    stream.wait()
    assert stream.has_ended
    found = attributes_of(generation(observed))
    assert found["gen_ai.usage.output_tokens"] == 8
    assert found["gen_ai.request.stream"] is True
    assert type(found["gen_ai.response.time_to_first_chunk"]) is float
    assert type(found["paddle.time_per_output_token"]) is float


def test_a_consumer_that_closes_the_stream(observed: Recorder, llama: Any, prompts: Prompts) -> None:
    """The streamer raises at the next token: an error with what was made until then, on span, event and counter."""
    stream = Stream(llama, **prompts.first, max_new_tokens=100, eos_token_id=stacks.VOCABULARY_SIZE)
    for number, _ in enumerate(stream, 1):
        if number == 3:
            stream.close()
            break
    stream.wait()
    assert isinstance(stream.error, ConnectionError)
    span = generation(observed)
    found = attributes_of(span)
    assert span.status.status_code is StatusCode.ERROR
    assert found["error.type"] == "ConnectionError"
    made = found["gen_ai.usage.output_tokens"]
    assert made >= 2  # the third may not have been counted when it was read
    assert dict(observed.event("paddle.usage").attributes or {})["gen_ai.usage.output_tokens"] == made
    assert observed.point("paddle.tokens", gen_ai__token__type="output").value == made
    assert observed.point("paddle.request.active").value == 0


class TestGeneratorsAroundAModel:
    """A program's own generator around a loop, which reports itself with ``observe_generation``."""

    @staticmethod
    def answer(llama: Any, ids: Any, paddle: Any) -> Iterator[int]:
        """Give one token after the other, greedily."""

        @observe_generation("m", batch_size=1)
        def tokens() -> Iterator[int]:
            so_far = ids
            while True:
                result: Any = llama(so_far, return_dict=True)
                token = int(result.logits[0, -1].argmax())
                so_far = paddle.concat([so_far, paddle.to_tensor([[token]])], axis=1)
                yield token

        return tokens()

    @pytest.mark.parametrize("how", ["closed", "let go", "its thread dies"])
    def test_a_consumer_that_leaves(
        self, how: str, globally: Recorder, llama: Any, prompts: Prompts, paddle: Any
    ) -> None:
        """The span ends once, with what was given; leaving is no error."""
        llama.eval()

        def consume() -> None:
            values: Any = self.answer(llama, prompts.first["input_ids"], paddle)
            for _ in range(3):
                next(values)
            if how == "closed":
                values.close()
            elif how == "its thread dies":
                raise SystemExit

        def die() -> None:
            with contextlib.suppress(SystemExit):  # pytest would keep its traceback, and so the generator
                consume()

        if how == "its thread dies":
            thread = threading.Thread(target=die)
            thread.start()
            thread.join(60)
        else:
            consume()
        gc.collect()
        (span,) = generations(globally)
        found = attributes_of(span)
        assert found["gen_ai.usage.output_tokens"] == 3
        assert span.status.status_code is StatusCode.UNSET
        assert globally.point("paddle.tokens", gen_ai__token__type="output").value == 3
        assert globally.point("paddle.request.active").value == 0

    def test_a_budget_ends_it(self, globally: Recorder, llama: Any, prompts: Prompts, paddle: Any) -> None:
        """The values before are those of ``generate``."""
        with budget(4):
            given = list(self.answer(llama, prompts.first["input_ids"], paddle))
        assert observed_generation().over_budget is False
        assert attributes_of(generation(globally))["gen_ai.response.finish_reasons"] == ("budget",)
        ids, _ = llama.generate(**prompts.first, max_new_tokens=4, eos_token_id=stacks.VOCABULARY_SIZE)
        assert [given] == rows_of(ids)
