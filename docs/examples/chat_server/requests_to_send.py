"""The requests that the demo sends to the chat service; prints each answer as the service's user would see it."""

import json
import time
from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

import httpx

_TIMEOUT_S: Final = 120
_CHAT: Final = "/v1/chat/completions"
_AT_THE_SAME_TIME: Final = ("What is the largest planet?", "Where do penguins live?", "Why is the sky blue?")


@dataclass(frozen=True)
class Exchange:
    """One request and what came back.

    Attributes:
        title: What is special about it, in a few words.
        prompts: What was asked.
        answers: What the model said; empty when the request failed.
        input_tokens: As counted by the service itself, where its response tells it.
        output_tokens: As counted by the service itself.
        fails: The request is one that the library cannot serve.
    """

    title: str
    prompts: tuple[str, ...]
    answers: tuple[str, ...]
    input_tokens: int | None = None
    output_tokens: int | None = None
    fails: bool = False


class UnexpectedAnswerError(RuntimeError):
    """The service did not answer as it should; the message says how."""


def send_all(url: str) -> list[Exchange]:
    """Sends every request of the demo, in this order.

    Args:
        url: The address of the service.

    Raises:
        UnexpectedAnswerError: An answer has another status than expected, or the model's answer is wrong.
        httpx.HTTPError: The service cannot be reached, or does not answer in time.
    """
    with httpx.Client(base_url=url, timeout=_TIMEOUT_S, trust_env=False) as client:
        return [
            _one_chat(client),
            _batch(client),
            _streamed(client),
            _failing(client),
            *_at_the_same_time(client),
        ]


def _one_chat(client: httpx.Client) -> Exchange:
    prompt = "What is the capital of France?"
    with _announced("one chat", prompt):
        exchange = _exchange("one chat", (prompt,), _post(client, _CHAT, _chat(prompt, max_tokens=16)))
        print(f"  < {exchange.answers[0]}")
    if "Paris" not in exchange.answers[0]:
        raise UnexpectedAnswerError(f"the model said {exchange.answers[0]!r} where it should name Paris")
    return exchange


def _batch(client: httpx.Client) -> Exchange:
    prompts = (
        "Name three colours.",
        "Write one sentence about the sea.",
        "What is the capital of the country whose largest river is the Nile?",
    )
    with _announced("batch of three prompts of different lengths", *prompts):
        body = {"prompts": prompts, "max_tokens": 16}
        exchange = _exchange("batch of three", prompts, _post(client, "/v1/batch", body))
        for answer in exchange.answers:
            print(f"  < {_on_one_line(answer)}")
    return exchange


def _streamed(client: httpx.Client) -> Exchange:
    prompt = "Tell me about the sea in one sentence."
    with _announced("streamed", prompt):
        print("  < ", end="", flush=True)
        pieces: list[str] = []
        with client.stream("POST", _CHAT, json=_chat(prompt, max_tokens=24, stream=True)) as response:
            _expect(response, httpx.codes.OK)
            for piece in _pieces(response):
                print(_on_one_line(piece), end="", flush=True)
                pieces.append(piece)
        print()
    return Exchange("streamed", (prompt,), ("".join(pieces),))


def _failing(client: httpx.Client) -> Exchange:
    prompt = "Tell me about the moon in one sentence."
    with _announced("a request that the library cannot serve: beam search, streamed", prompt):
        body = _chat(prompt, max_tokens=16, stream=True, num_beams=2)
        # uvicorn closes the connection of a request that failed: no other one shall be sent over it.
        response = client.post(_CHAT, json=body, headers={"connection": "close"})
        _expect(response, httpx.codes.INTERNAL_SERVER_ERROR)
        print(f"  < HTTP {response.status_code}: {response.text}")
    return Exchange("one that fails", (prompt,), (), fails=True)


def _at_the_same_time(client: httpx.Client) -> list[Exchange]:
    def ask(prompt: str) -> Exchange:
        return _exchange("at the same time", (prompt,), _post(client, _CHAT, _chat(prompt, max_tokens=12)))

    with (
        _announced("three at the same time", *_AT_THE_SAME_TIME),
        ThreadPoolExecutor(len(_AT_THE_SAME_TIME)) as pool,
    ):
        exchanges = list(pool.map(ask, _AT_THE_SAME_TIME))
        for exchange in exchanges:
            print(f"  < {_on_one_line(exchange.answers[0])}")
    return exchanges


@contextmanager
def _announced(title: str, *prompts: str) -> Generator[None, None, None]:
    print(f"\n{title}")
    for prompt in prompts:
        print(f"  > {prompt}")
    start = time.monotonic()
    yield
    print(f"    {time.monotonic() - start:.1f} s")


def _chat(prompt: str, max_tokens: int, **options: Any) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": prompt}], "max_tokens": max_tokens, **options}


def _post(client: httpx.Client, path: str, body: dict[str, Any]) -> dict[str, Any]:
    response = client.post(path, json=body)
    _expect(response, httpx.codes.OK)
    return response.json()


def _expect(response: httpx.Response, status: int) -> None:
    if response.status_code != status:
        text = response.read().decode(errors="replace")
        raise UnexpectedAnswerError(
            f"{response.request.url.path} answered {response.status_code}, not {status}: {text}"
        )


def _exchange(title: str, prompts: tuple[str, ...], body: dict[str, Any]) -> Exchange:
    answers = tuple(choice["message"]["content"] for choice in body["choices"])
    usage = body["usage"]
    return Exchange(title, prompts, answers, usage["prompt_tokens"], usage["completion_tokens"])


def _pieces(response: httpx.Response) -> Iterator[str]:
    """The text of each server-sent event, until the one that says that the answer is complete."""
    for line in response.iter_lines():
        data = line.removeprefix("data: ")
        if data == "[DONE]":
            return
        if data:
            yield json.loads(data)["choices"][0]["delta"]["content"]
    raise UnexpectedAnswerError("the stream ended before its last event")


def _on_one_line(text: str) -> str:
    return text.replace("\n", " / ")
