"""A service as a user would write it, which serves requests of several tenants with several models, in threads.

Its last line is what each tenant used of each model, counted by the program itself from what it was given back. Half
of the requests end otherwise than with a result that was read to its end.
"""

# Paddle has incomplete type information:
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false

import asyncio
import contextlib
import json
import sys
import threading
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

import paddle
from opentelemetry.instrumentation.utils import suppress_instrumentation
from tiny_generate import tiny_model

from paddle_otel.budgets import Budget, BudgetExceeded, set_budget
from paddle_otel.identity import identify
from paddle_otel.operations import observe_generation, observe_prediction

TENANTS: Final = ("acme", "globex", "租户-三", None)
END: Final = 2
SHORT: Final = 3
"""Tokens that some sessions may write."""
MODEL: Final = tiny_model()
MODEL_NAME: Final = None  # it was not loaded from anywhere

Used = tuple[int, int, str | None]
"""Tokens read, tokens written, and the model."""


class Interrupted(BaseException):
    """As when somebody presses Ctrl-C in the middle of a request."""


class Reader:
    """Takes tokens while they are generated, and gives up after some.

    Args:
        patience: Which one it does not take.
    """

    def __init__(self, patience: int) -> None:
        self._patience = patience
        self._given = -1  # the prompt is handed over first

    def put(self, _: Any) -> None:
        """Take what was generated."""
        self._given += 1
        if self._given == self._patience:
            raise Interrupted

    def end(self) -> None:
        """It is over."""


def written(rows: list[list[int]]) -> int:
    """Count tokens through the first that ends each row."""
    return sum(row.index(END) + 1 if END in row else len(row) for row in rows)


def generate(number: int, **options: Any) -> Used:
    """Generate for one prompt."""
    ids = paddle.to_tensor([[1, 5, 6, 7 + number % 50]])
    result, _ = MODEL.generate(ids, **{"max_new_tokens": 3 + number % 5, **options})
    return 4, written(result.tolist()), MODEL_NAME


def batch(number: int) -> Used:
    """Generate for two prompts of different lengths."""
    ids = paddle.to_tensor([[1, 5, 6, 7 + number % 50], [0, 0, 8, 9]])
    mask = paddle.to_tensor([[1, 1, 1, 1], [0, 0, 1, 1]])
    result, _ = MODEL.generate(ids, attention_mask=mask, max_new_tokens=4)
    return 6, written(result.tolist()), MODEL_NAME


def beams(number: int) -> Used:
    """Search with beams."""
    return generate(number, decode_strategy="beam_search", num_beams=3)


def given_up(number: int) -> Used:
    """Stop reading in the middle: what was taken until then is used; a token that was not taken is not."""
    patience = 1 + number // len(REQUESTS) % 5
    with contextlib.suppress(Interrupted):
        generate(number, streamer=Reader(patience), max_new_tokens=9, eos_token_id=None)
    return 4, patience - 1, MODEL_NAME


def wrong(_: int) -> Used:
    """Ask for what there is not: the prompt is counted, as the model was asked."""
    with contextlib.suppress(AssertionError):
        MODEL.generate(paddle.to_tensor([[1, 5]]), decode_strategy="no such strategy")
    return 2, 0, MODEL_NAME


def unseen(number: int) -> Used:
    """Generate where nobody is to watch."""
    with suppress_instrumentation():
        generate(number)
    return 0, 0, MODEL_NAME


def loop(number: int) -> Used:
    """Report an own decode loop."""
    tokens = number % 7
    with observe_generation("loop", input_tokens=11, batch_size=1) as generation:
        for _ in range(tokens):
            generation.step()
        generation.finish("stop")
    return 11, tokens, "loop"


def nested(number: int) -> Used:
    """Report a loop that uses a model which is observed itself: one request."""
    with observe_generation("outer", input_tokens=3) as generation:
        generate(number)
        generation.step(tokens=5)
    return 3, 5, "outer"


def failing_loop(number: int) -> Used:
    """Report a loop that fails."""
    tokens = number // len(REQUESTS) % 4
    with contextlib.suppress(ValueError), observe_generation("loop", input_tokens=2, batch_size=1) as generation:
        for _ in range(tokens):
            generation.step()
        raise ValueError
    return 2, tokens, "loop"


@observe_generation("stream", input_tokens=5, batch_size=1)
def stream() -> Generator[int, None, None]:
    """Stream tokens."""
    yield from range(8)


@observe_generation("async-stream", input_tokens=6, batch_size=1)
async def async_stream() -> AsyncGenerator[int, None]:
    """Stream tokens."""
    for token in range(8):
        await asyncio.sleep(0)
        yield token


def whole_stream(_: int) -> Used:
    """Read a stream to its end."""
    return 5, len(list(stream())), "stream"


def closed_stream(number: int) -> Used:
    """Read some tokens of a stream and close it."""
    values = stream()
    taken = 1 + number % 7
    for _ in range(taken):
        next(values)
    values.close()
    return 5, taken, "stream"


def abandoned_stream(number: int) -> Used:
    """Read some tokens of a stream and let go of it."""
    taken = 1 + number % 7
    for token in stream():
        if token + 1 == taken:
            break
    return 5, taken, "stream"


def cancelled_stream(number: int) -> Used:
    """Cancel the task that reads a stream."""
    taken = 1 + number % 7

    async def read(reached: asyncio.Event) -> None:
        async for token in async_stream():
            if token + 1 == taken:
                reached.set()
                await asyncio.sleep(3600)

    async def cancel() -> None:
        reached = asyncio.Event()
        task = asyncio.create_task(read(reached))
        await reached.wait()
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task

    asyncio.run(cancel())
    return 6, taken, "async-stream"


def refused(_: int) -> Used:
    """Ask for a model whose budget is used up: nothing is used."""
    with contextlib.suppress(BudgetExceeded), observe_generation("dear", batch_size=1) as generation:
        generation.step()
        raise AssertionError("was not refused")
    return 0, 0, "dear"


def sampled(number: int) -> Used:
    """Draw the tokens."""
    return generate(number, decode_strategy="sampling", top_k=5)


def stopped(number: int) -> Used:
    """Generate until the session's budget is used up."""
    with identify(session=f"short-{number}"):
        used = generate(number, max_new_tokens=9, eos_token_id=None)
    assert used[1] == SHORT
    return used


def forward(_: int) -> Used:
    """Call the model itself: it reads, and generates nothing."""
    ids = paddle.to_tensor([[1, 5, 6, 7], [0, 0, 8, 9]])
    with paddle.no_grad():
        MODEL(ids, attention_mask=paddle.to_tensor([[1, 1, 1, 1], [0, 0, 1, 1]]))
    return 6, 0, MODEL_NAME


def embed(number: int) -> Used:
    """Make embeddings."""
    with observe_prediction("bert", batch_size=2, input_tokens=20 + number % 3, embeddings=True):
        pass
    return 20 + number % 3, 0, "bert"


def classify(number: int) -> Used:
    """Classify; how many tokens were read is not always known."""
    tokens = 9 if number // len(REQUESTS) % 3 else None
    with observe_prediction("classifier", batch_size=1, input_tokens=tokens):
        pass
    return tokens or 0, 0, "classifier"


REQUESTS: Final[tuple[Callable[[int], Used], ...]] = (
    *(generate, batch, beams, given_up, wrong, unseen, loop, nested, failing_loop, whole_stream, closed_stream),
    *(abandoned_stream, cancelled_stream, refused, sampled, stopped, forward, embed, classify),
)
OBSERVED_BY_THE_LIBRARY: Final = {generate, batch, beams, given_up, wrong, unseen, nested, sampled, stopped, forward}


def main() -> int:
    """Serve as many requests as the first argument says."""
    set_budget(Budget("dear", "model", 0, match={"model": "dear"}, actions=frozenset({"refuse"})))
    short = {"session": "short-*"}
    set_budget(Budget("short", "session", SHORT, match=short, counts="output", actions=frozenset({"stop"})))
    used: Counter[tuple[str | None, str | None, str]] = Counter()
    lock, model_lock = threading.Lock(), threading.Lock()

    def serve(number: int) -> None:
        tenant = TENANTS[number // len(REQUESTS) % len(TENANTS)]
        request = REQUESTS[number % len(REQUESTS)]
        # One model generates for one request at a time.
        alone = model_lock if request in OBSERVED_BY_THE_LIBRARY else contextlib.nullcontext()
        with alone, identify(request=f"r-{number}", tenant=tenant):
            read, wrote, model = request(number)
        with lock:
            used[tenant, model, "input"] += read
            used[tenant, model, "output"] += wrote

    with ThreadPoolExecutor(8) as pool:
        for result in [pool.submit(serve, number) for number in range(int(sys.argv[1]))]:
            result.result()
    sys.stdout.write(json.dumps([[*key, tokens] for key, tokens in sorted(used.items(), key=repr)]) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
