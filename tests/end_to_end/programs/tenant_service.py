"""A FastAPI service with endpoints of every kind, each of which reports a generation; it says on which port it serves.

With the argument ``hook`` it configures its instrumentation itself.
"""

import asyncio
import signal
import socket
import sys
import time
from collections.abc import AsyncGenerator, Generator

import uvicorn
from fastapi import BackgroundTasks, FastAPI
from fastapi.responses import PlainTextResponse, StreamingResponse

from paddle_otel.identity import asgi_request_hook, current_identity
from paddle_otel.operations import observe_generation

app = FastAPI()
PAUSE = 0.002
tasks: set["asyncio.Task[None]"] = set()


def generated(name: str) -> str:
    """Generate, and return who asked."""
    with observe_generation(name, input_tokens=1, batch_size=1) as generation:
        time.sleep(PAUSE)
        generation.step()
    return str(current_identity().tenant)


@app.get("/sync", response_class=PlainTextResponse)
def sync() -> str:
    """Work in the thread pool."""
    return generated("sync")


@app.get("/async", response_class=PlainTextResponse)
async def in_the_loop() -> str:
    """Work in the event loop, while others do."""
    with observe_generation("async", input_tokens=1, batch_size=1) as generation:
        await asyncio.sleep(PAUSE)
        generation.step()
    return str(current_identity().tenant)


@observe_generation("stream", input_tokens=1, batch_size=1)
def stream_tokens() -> Generator[str, None, None]:
    """Go on after the endpoint has returned, each time in another thread of the pool."""
    for _ in range(3):
        time.sleep(PAUSE)
        yield f"{current_identity().tenant},"


@app.get("/stream")
def stream() -> StreamingResponse:
    """Stream."""
    return StreamingResponse(stream_tokens())


@observe_generation("async-stream", input_tokens=1, batch_size=1)
async def stream_tokens_in_the_loop() -> AsyncGenerator[str, None]:
    """Go on after the endpoint has returned."""
    for _ in range(3):
        await asyncio.sleep(PAUSE)
        yield f"{current_identity().tenant},"


@app.get("/async-stream")
async def stream_in_the_loop() -> StreamingResponse:
    """Stream."""
    return StreamingResponse(stream_tokens_in_the_loop())


@app.get("/background", response_class=PlainTextResponse)
def background(background_tasks: BackgroundTasks) -> str:
    """Work after the response was sent."""
    background_tasks.add_task(generated, "background")
    return str(current_identity().tenant)


async def later() -> None:
    """Work when the request has long ended."""
    await asyncio.sleep(0.02)
    with observe_generation("task", input_tokens=1, batch_size=1) as generation:
        generation.step()


@app.get("/task", response_class=PlainTextResponse)
async def task() -> str:
    """Begin a task."""
    begun = asyncio.create_task(later())
    tasks.add(begun)
    begun.add_done_callback(tasks.discard)
    return str(current_identity().tenant)


def end(_: int, __: object) -> None:
    """End the program as an exit does."""
    sys.exit(0)


def main() -> None:
    """Serve until it is told to end."""
    if sys.argv[1:] == ["hook"]:
        from opentelemetry.instrumentation.fastapi import FastAPIInstrumentor  # noqa: PLC0415 - only where it is asked

        FastAPIInstrumentor.instrument_app(app, server_request_hook=asgi_request_hook)
    # uvicorn ends itself by the signal that it was sent; as an exit, telemetry that waits is written first.
    signal.signal(signal.SIGTERM, end)
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning"))
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(128)
        sys.stdout.write(f"{listening.getsockname()[1]}\n")
        sys.stdout.flush()
        server.run([listening])


if __name__ == "__main__":
    main()
