"""A chat service: a PaddleFormers model behind FastAPI.

CHAT_MODEL=<model folder> python app.py --port 8000
CHAT_MODEL=<model folder> uvicorn app:app
"""

# PaddleFormers has no type information:
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false

import argparse
import json
import os
import threading
import uuid
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import Any, Literal

import uvicorn
from fastapi import FastAPI
from fastapi.responses import StreamingResponse
from paddleformers.generation import TextIteratorStreamer
from paddleformers.transformers import AutoModelForCausalLM, AutoTokenizer
from pydantic import BaseModel, Field

MODEL_FOLDER = Path(os.environ["CHAT_MODEL"])

tokenizer: Any = AutoTokenizer.from_pretrained(str(MODEL_FOLDER))
model: Any = AutoModelForCausalLM.from_pretrained(str(MODEL_FOLDER))
model.eval()

app = FastAPI(title="Chat service")


class Message(BaseModel):
    """One turn of a conversation."""

    role: Literal["system", "user", "assistant"]
    content: str


class ChatRequest(BaseModel):
    """A conversation to be continued by the model."""

    messages: list[Message] = Field(min_length=1)
    max_tokens: int = Field(default=64, ge=1, le=1024)
    num_beams: int = Field(default=1, ge=1, le=4)
    stream: bool = False


class BatchRequest(BaseModel):
    """Several questions, answered in one go."""

    prompts: list[str] = Field(min_length=1, max_length=16)
    max_tokens: int = Field(default=64, ge=1, le=1024)


@app.get("/healthz")
def healthz() -> dict[str, str]:
    """Tells that the model is loaded."""
    return {"status": "ok"}


@app.post("/v1/chat/completions", response_model=None)
def chat(request: ChatRequest) -> dict[str, Any] | StreamingResponse:
    """Continues a conversation, in one piece or as a stream of server-sent events."""
    inputs = tokenizer.apply_chat_template(
        [message.model_dump() for message in request.messages],
        add_generation_prompt=True,
        return_dict=True,
        return_tensors="pd",
    )
    options = {"max_new_tokens": request.max_tokens, "decode_strategy": "greedy_search"}
    if request.num_beams > 1:
        options |= {"decode_strategy": "beam_search", "num_beams": request.num_beams}
    if request.stream:
        pieces = stream_text(inputs, options)
        first = next(pieces, "")  # a generation that fails at once raises here, in time for an HTTP status
        return StreamingResponse(as_events(chain([first], pieces)), media_type="text/event-stream")
    output_ids, _ = model.generate(**inputs, **options)
    return completion(inputs, output_ids)


@app.post("/v1/batch")
def batch(request: BatchRequest) -> dict[str, Any]:
    """Answers several questions in one generation; the shorter prompts are padded."""
    conversations = [[{"role": "user", "content": prompt}] for prompt in request.prompts]
    texts = [
        tokenizer.apply_chat_template(conversation, add_generation_prompt=True, tokenize=False)
        for conversation in conversations
    ]
    inputs = tokenizer(texts, padding=True, return_tensors="pd")
    output_ids, _ = model.generate(**inputs, max_new_tokens=request.max_tokens)
    return completion(inputs, output_ids)


def completion(inputs: Any, output_ids: Any) -> dict[str, Any]:
    """The response's body; a row that ended early is filled up with padding, which is not counted."""
    end = tokenizer.eos_token_id
    rows = [row[: row.index(end) + 1] if end in row else row for row in output_ids.tolist()]
    texts = tokenizer.batch_decode(rows, skip_special_tokens=True)
    return {
        "id": f"chatcmpl-{uuid.uuid4().hex}",
        "object": "chat.completion",
        "model": MODEL_FOLDER.name,
        "choices": [
            {
                "index": index,
                "message": {"role": "assistant", "content": text},
                "finish_reason": "stop" if row[-1] == end else "length",
            }
            for index, (row, text) in enumerate(zip(rows, texts, strict=True))
        ],
        "usage": {
            "prompt_tokens": int(inputs["attention_mask"].sum()),
            "completion_tokens": sum(len(row) for row in rows),
        },
    }


def stream_text(inputs: Any, options: dict[str, Any]) -> Iterator[str]:
    """Generates in a thread of its own and yields the text as it comes, or raises what the library raised."""
    streamer = TextIteratorStreamer(tokenizer, skip_prompt=True, skip_special_tokens=True, timeout=60)
    failures: list[Exception] = []

    def generate() -> None:
        try:
            model.generate(**inputs, **options, streamer=streamer)
        except Exception as error:  # noqa: BLE001 - whatever it is, the request's own thread raises it again
            failures.append(error)
            streamer.end()  # the reader below would wait for ever

    threading.Thread(target=generate).start()
    yield from filter(None, streamer)
    if failures:
        raise failures[0]


def as_events(pieces: Iterable[str]) -> Iterator[str]:
    """Puts pieces of text into server-sent events, as clients of the OpenAI interface expect them."""
    for piece in pieces:
        body = {"object": "chat.completion.chunk", "choices": [{"index": 0, "delta": {"content": piece}}]}
        yield f"data: {json.dumps(body)}\n\n"
    yield "data: [DONE]\n\n"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8000)
    arguments = parser.parse_args()
    uvicorn.run(app, host=arguments.host, port=arguments.port)
