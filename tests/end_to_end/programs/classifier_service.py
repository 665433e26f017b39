"""A classifier behind ``paddle.inference``, served over HTTP: classifier_service.py FOLDER PORT [WORKERS].

``POST /classify`` answers below a request span, as the instrumentation of a web framework makes one; ``POST /score``
without. With WORKERS it is a server as gunicorn is with ``--preload``: the master loads the model and forks.
"""

import importlib
import json
import os
import queue
import signal
import sys
from contextlib import nullcontext
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from opentelemetry import trace

THREADS = 4


class Classifier:
    """The model; as many threads as there are clones may use it at a time.

    Args:
        folder: Where the program is.
    """

    def __init__(self, folder: Path) -> None:
        inference: Any = importlib.import_module("paddle.inference")
        self._numpy: Any = importlib.import_module("numpy")
        config = inference.Config(str(folder / "classifier.json"), str(folder / "classifier.pdiparams"))
        config.set_cpu_math_library_num_threads(1)
        predictor = inference.create_predictor(config)
        self._free: queue.SimpleQueue[Any] = queue.SimpleQueue()
        for clone in [predictor, *(predictor.clone() for _ in range(THREADS - 1))]:
            self._free.put(clone)

    def scores(self, rows: list[list[float]]) -> Any:
        """Return the scores of each row."""
        predictor = self._free.get()
        try:
            features = predictor.get_input_handle(predictor.get_input_names()[0])
            features.copy_from_cpu(self._numpy.array(rows, "float32"))
            predictor.run()
            return predictor.get_output_handle(predictor.get_output_names()[0]).copy_to_cpu().tolist()
        finally:
            self._free.put(predictor)


class Server(ThreadingHTTPServer):
    """The server of one or several processes.

    Args:
        port: Where it listens.
        classifier: What answers.
    """

    daemon_threads = True

    def __init__(self, port: int, classifier: Classifier) -> None:
        super().__init__(("127.0.0.1", port), Handler)
        self.classifier = classifier


class Handler(BaseHTTPRequestHandler):
    """One request."""

    def do_POST(self) -> None:
        """Answer scores, or 500 for what the model does not take."""
        assert isinstance(self.server, Server)
        rows = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        try:
            with self._request_span():
                self._answer(200, self.server.classifier.scores(rows))
        except ValueError as error:
            self._answer(500, type(error).__name__)

    def do_GET(self) -> None:
        """Say that the server is ready."""
        self._answer(200, "ready")

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class calls it so
        """Write no log."""

    def _request_span(self) -> Any:
        if self.path == "/score":
            return nullcontext()
        return trace.get_tracer("web").start_as_current_span("POST /classify", kind=trace.SpanKind.SERVER)

    def _answer(self, status: int, body: Any) -> None:
        content = json.dumps({"worker": os.getpid(), "scores": body}).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


def fork(workers: int) -> list[int]:
    """Return the ids of the workers; in a worker there are none."""
    pids: list[int] = []
    for _ in range(workers):
        pid = os.fork()
        if pid == 0:
            return []
        pids.append(pid)
    return pids


def main() -> None:
    """Serve until interrupted."""
    server = Server(int(sys.argv[2]), Classifier(Path(sys.argv[1])))
    pids = fork(int([*sys.argv, "0"][3]))
    try:
        if pids:
            signal.pause()
        server.serve_forever()
    except KeyboardInterrupt:
        for pid in pids:
            os.kill(pid, signal.SIGINT)
        for pid in pids:
            os.waitpid(pid, 0)


if __name__ == "__main__":
    main()
