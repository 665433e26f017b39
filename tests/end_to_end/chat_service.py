"""The example chat server with the real model, under ``opentelemetry-instrument``, between real back ends."""

import json
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Generator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from signal import SIGINT
from typing import Any

from end_to_end.running import instrumented

EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "chat_server"
QUESTION = "What is the capital of France?"
BATCH = ["Name a colour.", "What is the largest ocean on Earth, and where is it?", "Write one short sentence."]
_READY_S = 240
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@dataclass
class Answers:
    """What the service answered to the requests that were sent.

    Attributes:
        single: Body of the answer to :data:`QUESTION`.
        batch: Body of the answer to :data:`BATCH`.
        streamed: The text of the streamed answer.
        failed_status: HTTP status of the request that fails.
        together: Bodies of the answers to requests that were sent at the same time.
        exit_code: Of the service.
        log: What it printed.
    """

    single: Any = None
    batch: Any = None
    streamed: str = ""
    failed_status: int = 0
    together: list[Any] = field(default_factory=list[Any])
    exit_code: int | None = None
    log: str = ""


def model_folder() -> str:
    """Return the folder of the real model, made on first use."""
    made = subprocess.run([sys.executable, str(EXAMPLE / "smollm2.py")], capture_output=True, text=True, check=True)
    return made.stdout.strip().splitlines()[-1]


def converse(variables: Mapping[str, str], folder: Path) -> Answers:
    """Start the service, send every kind of request, stop it.

    Args:
        variables: Its environment, telemetry settings included.
        folder: Its working directory.
    """
    answers = Answers()
    log = folder / "service.log"
    with _service(variables, folder, log, answers) as url:
        answers.single = _post(url, "/v1/chat/completions", _chat(QUESTION))
        answers.batch = _post(url, "/v1/batch", {"prompts": BATCH, "max_tokens": 12})
        answers.streamed = _stream(url, _chat("Name a colour.", stream=True))
        answers.failed_status = _status(url, "/v1/chat/completions", _chat("Name a colour.", stream=True, num_beams=2))
        with ThreadPoolExecutor(3) as pool:
            jobs = [pool.submit(_post, url, "/v1/chat/completions", _chat(text)) for text in BATCH]
            answers.together = [job.result() for job in jobs]
    answers.log = log.read_text(encoding="utf-8", errors="replace")
    return answers


@contextmanager
def _service(variables: Mapping[str, str], folder: Path, log: Path, answers: Answers) -> Generator[str]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    with log.open("wb") as output:
        process = subprocess.Popen(
            instrumented(str(EXAMPLE / "app.py"), "--port", str(port)),
            env={**variables, "CHAT_MODEL": model_folder()},
            cwd=folder,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        _wait_until_ready(process, url, log)
        yield url
    finally:
        # As Ctrl-C: uvicorn ends a SIGTERM by raising the signal again, so exit handlers and the last export are lost.
        process.send_signal(SIGINT)
        try:
            answers.exit_code = process.wait(60)
        finally:
            process.kill()


def _wait_until_ready(process: "subprocess.Popen[bytes]", url: str, log: Path) -> None:
    deadline = time.monotonic() + _READY_S
    while time.monotonic() < deadline:
        assert process.poll() is None, log.read_text(encoding="utf-8", errors="replace")[-3000:]
        try:
            with _OPENER.open(f"{url}/healthz", timeout=5):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
    raise TimeoutError(log.read_text(encoding="utf-8", errors="replace")[-3000:])


def _chat(text: str, **more: Any) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": text}], "max_tokens": 12, **more}


def _request(url: str, path: str, body: Any) -> urllib.request.Request:
    return urllib.request.Request(url + path, json.dumps(body).encode(), {"Content-Type": "application/json"})  # noqa: S310 - http on loopback


def _post(url: str, path: str, body: Any) -> Any:
    with _OPENER.open(_request(url, path, body), timeout=120) as response:
        return json.load(response)


def _status(url: str, path: str, body: Any) -> int:
    try:
        with _OPENER.open(_request(url, path, body), timeout=120) as response:
            return int(response.status)
    except urllib.error.HTTPError as error:
        with error:
            return int(error.code)


def _stream(url: str, body: Any) -> str:
    pieces: list[str] = []
    with _OPENER.open(_request(url, "/v1/chat/completions", body), timeout=120) as response:
        for line in response:
            data = line.decode().removeprefix("data: ").strip()
            if data and data != "[DONE]":
                pieces.append(json.loads(data)["choices"][0]["delta"].get("content", ""))
    return "".join(pieces)
