"""What the type checker of somebody who installed the wheel sees."""

import json
import subprocess
from pathlib import Path
from typing import Any

# `os` is only imported by the module: no type checker lets a consumer of a typed package take it from there.
CONSUMER = """
from paddle_otel.settings import Settings, os

reveal_type(Settings().sampler_interval)
print(os, Settings(sampler_interval="fast"))
"""


def test_a_consumer_is_checked_against_our_types(clean_python: Path, pyright: str, tmp_path: Path) -> None:
    """``py.typed`` of the installed namespace package counts: types are read, wrong use and private names reported."""
    (tmp_path / "consumer.py").write_text(CONSUMER)
    check = [pyright, "--outputjson", "--pythonpath", clean_python, "consumer.py"]
    ended = subprocess.run(check, check=False, capture_output=True, text=True, cwd=tmp_path, timeout=300)
    messages: list[dict[str, Any]] = json.loads(ended.stdout)["generalDiagnostics"]
    assert [(message.get("rule"), message["severity"]) for message in messages] == [
        ("reportPrivateImportUsage", "error"),
        (None, "information"),
        ("reportArgumentType", "error"),
    ]
    assert messages[1]["message"] == 'Type of "Settings().sampler_interval" is "float"'
