"""A server of nothing but the standard library that streams tokens: ``python server.py 8080``.

``curl -N http://127.0.0.1:8080/ -d '[8, 9]'`` prints one token a line.
"""

import contextlib
import json
import signal
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NoReturn

from generate import stream
from tiny_model import make_model

MODEL = make_model()


class Handler(BaseHTTPRequestHandler):
    """Answers a posted prompt with tokens, as they come."""

    def do_POST(self) -> None:
        """Read the prompt, write one token a line."""
        prompt = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(200)
        self.end_headers()
        # A client that goes away ends the generation: closing says so, and it is reported with what was written.
        with contextlib.closing(stream(MODEL, prompt)) as tokens, contextlib.suppress(ConnectionError):
            for token in tokens:
                self.wfile.write(f"{token}\n".encode())


def stop(*_: object) -> NoReturn:
    """End as a program does that has nothing more to do, so that what was measured is sent."""
    sys.exit(0)


def main() -> None:
    """Serve until the process is asked to end."""
    signal.signal(signal.SIGTERM, stop)
    with ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler) as server:
        print(f"http://127.0.0.1:{server.server_port}", flush=True)
        server.serve_forever()


if __name__ == "__main__":
    main()
