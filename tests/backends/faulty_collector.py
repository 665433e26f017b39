"""An OTLP/HTTP collector that misbehaves in a named way, on a loopback port.

with FaultyCollector(Mode.UNAVAILABLE) as collector:
    ...export to collector.endpoint...
assert collector.requests == 1
"""

import contextlib
import socket
import struct
import threading
from collections.abc import Callable
from dataclasses import dataclass
from email.message import Message
from enum import Enum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any

from typing_extensions import Self

_RESET_ON_CLOSE = struct.pack("ii", 1, 0)  # SO_LINGER, on, 0 s: close() sends RST instead of FIN (man 7 socket)
_GARBAGE = bytes(range(255, 0, -1))  # its first byte announces wire type 7, which protobuf does not have
_RETRY_AFTER_S = 1
_HUNG_BACKLOG = 128


class Mode(str, Enum):
    """What goes wrong."""

    ACCEPT = "accept"
    """Nothing: answers 200."""
    UNAVAILABLE = "unavailable"
    """Answers 503 with ``Retry-After: 1``."""
    GARBAGE = "garbage"
    """Answers 200 with a body that is no protobuf."""
    SLOW = "slow"
    """Answers 200, but only after ``delay_s`` seconds."""
    RESET = "reset"
    """Resets the connection instead of answering."""
    HUNG = "hung"
    """The kernel completes the connection, but nobody ever reads or answers."""
    REFUSED = "refused"
    """Nothing listens on the port."""


@dataclass(frozen=True)
class Received:
    """A request as it came in; ``body`` is still compressed where ``headers`` say so (any case finds a header)."""

    path: str
    headers: Message
    body: bytes


class FaultyCollector:
    """The collector, as a context manager that returns itself.

    Args:
        mode: what goes wrong, a `Mode` or its value.
        delay_s: seconds before the answer in mode ``slow``; leaving the context ends the waiting.
    """

    def __init__(self, mode: Mode | str = Mode.ACCEPT, delay_s: float = 5.0) -> None:
        self.mode = Mode(mode)
        self._delay_s = delay_s
        self._received: list[Received] = []
        self._stopping = threading.Event()
        self._cleanup = contextlib.ExitStack()
        self._port = 0

    @property
    def endpoint(self) -> str:
        """The base address; exporters configured by environment add ``/v1/traces`` and the like."""
        return f"http://127.0.0.1:{self._port}"

    @property
    def received(self) -> list[Received]:
        """The requests that were read completely; nothing reads them in modes ``hung`` and ``refused``."""
        return list(self._received)

    @property
    def requests(self) -> int:
        """How many requests were read completely."""
        return len(self._received)

    def __enter__(self) -> Self:
        if self.mode in {Mode.HUNG, Mode.REFUSED}:
            self._port = self._bind_only()
        else:
            self._port = self._serve()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stopping.set()
        self._cleanup.close()

    def _bind_only(self) -> int:
        """Binds without accepting; a bound port that does not listen refuses, and nobody else can take it."""
        bound = self._cleanup.enter_context(socket.socket())
        bound.bind(("127.0.0.1", 0))
        if self.mode is Mode.HUNG:
            bound.listen(_HUNG_BACKLOG)
        return bound.getsockname()[1]

    def _serve(self) -> int:
        server = self._cleanup.enter_context(_Server(self._answer))
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        self._cleanup.callback(thread.join)
        self._cleanup.callback(server.shutdown)
        return server.server_address[1]

    def _answer(self, handler: BaseHTTPRequestHandler) -> None:
        # Read first in every mode: closing with unread data would reset a connection that should get its answer.
        body = handler.rfile.read(int(handler.headers.get("Content-Length", 0)))
        self._received.append(Received(handler.path, handler.headers, body))
        if self.mode is Mode.RESET:
            handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
            return
        if self.mode is Mode.SLOW:
            self._stopping.wait(self._delay_s)
        with contextlib.suppress(ConnectionError):  # the client gave up waiting
            self._write_answer(handler)

    def _write_answer(self, handler: BaseHTTPRequestHandler) -> None:
        unavailable = self.mode is Mode.UNAVAILABLE
        body = _GARBAGE if self.mode is Mode.GARBAGE else b""
        handler.send_response(503 if unavailable else 200)
        if unavailable:
            handler.send_header("Retry-After", str(_RETRY_AFTER_S))
        handler.send_header("Content-Type", "application/x-protobuf")
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)
        handler.wfile.flush()


class _Server(ThreadingHTTPServer):
    """Hands each POST to a function, one thread per connection; leaving its context closes the port."""

    def __init__(self, answer: Callable[[BaseHTTPRequestHandler], None]) -> None:
        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                answer(self)

            def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
                """Says nothing: the tests look at what was received."""

        super().__init__(("127.0.0.1", 0), Handler)

    def shutdown_request(self, request: Any) -> None:
        """Closes without the usual orderly shutdown, which would announce an end before a reset."""
        self.close_request(request)
