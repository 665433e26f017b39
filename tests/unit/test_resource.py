"""The resource detector: what is known of Paddle and of the distributed job, and nothing that is not."""

import subprocess
import sys
from collections.abc import Mapping
from importlib import metadata
from typing import Any

import pytest

from paddle_otel.resource import PaddleResourceDetector

LAUNCHER_VARIABLES = (
    "PADDLE_TRAINER_ID",
    "PADDLE_TRAINERS_NUM",
    "PADDLE_RANK_IN_NODE",
    "PADDLE_LOCAL_RANK",
    "PADDLE_JOB_ID",
)


@pytest.fixture(autouse=True)
def no_launcher(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take away what a launcher around the tests may have set."""
    for name in LAUNCHER_VARIABLES:
        monkeypatch.delenv(name, raising=False)


def install(monkeypatch: pytest.MonkeyPatch, versions: Mapping[str, str]) -> None:
    """Let exactly these distributions be installed."""

    def version(name: str) -> str:
        if name not in versions:
            raise metadata.PackageNotFoundError(name)
        return versions[name]

    monkeypatch.setattr(metadata, "version", version)


def detected() -> dict[str, object]:
    """Run the detector as OpenTelemetry does."""
    return dict(PaddleResourceDetector().detect().attributes)


@pytest.mark.parametrize(
    ("distribution", "version", "compiled_with"),
    [
        ("paddlepaddle", "3.3.1", "cpu"),
        ("paddlepaddle-gpu", "3.3.0.dev20261101", "cuda"),
        ("paddlepaddle-xpu", "3.2.0", "xpu"),
        ("paddlepaddle-dcu", "3.2.0", "rocm"),
        ("paddlepaddle-npu", "0.0.0", "npu"),
    ],
)
def test_paddle_is_told_from_its_distribution(
    monkeypatch: pytest.MonkeyPatch, distribution: str, version: str, compiled_with: str
) -> None:
    """Version and build come from the package's metadata, nightly and source builds included."""
    install(monkeypatch, {distribution: version, "paddlenlp": "3.0.0"})
    assert detected() == {"paddle.version": version, "paddle.compiled_with": compiled_with}


def test_no_paddle_is_no_attribute(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where Paddle is not installed nothing is claimed."""
    install(monkeypatch, {})
    assert detected() == {}


def test_two_builds_at_once_leave_open_what_they_disagree_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """They overwrite each other's files, so the metadata does not tell which one would be imported."""
    install(monkeypatch, {"paddlepaddle": "3.3.1", "paddlepaddle-gpu": "3.3.1"})
    assert detected() == {"paddle.version": "3.3.1"}
    install(monkeypatch, {"paddlepaddle": "3.3.1", "paddlepaddle-gpu": "3.2.0"})
    assert detected() == {}


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        pytest.param(
            {
                "PADDLE_TRAINER_ID": "5",
                "PADDLE_TRAINERS_NUM": "8",
                "PADDLE_RANK_IN_NODE": "1",
                "PADDLE_LOCAL_RANK": "1",
                "PADDLE_JOB_ID": "night run",
            },
            {"paddle.rank": 5, "paddle.world_size": 8, "paddle.local_rank": 1, "paddle.job.id": "night run"},
            id="launcher",
        ),
        pytest.param({"PADDLE_TRAINER_ID": "0"}, {"paddle.rank": 0}, id="rank zero is a rank"),
        pytest.param(
            {"PADDLE_RANK_IN_NODE": "", "PADDLE_LOCAL_RANK": " 3 "}, {"paddle.local_rank": 3}, id="local rank"
        ),
        pytest.param({"PADDLE_TRAINER_ID": "-1", "PADDLE_TRAINERS_NUM": "2"}, {"paddle.world_size": 2}, id="negative"),
        pytest.param({"PADDLE_TRAINER_ID": "8", "PADDLE_TRAINERS_NUM": "8"}, {}, id="rank outside the world"),
        pytest.param({"PADDLE_TRAINERS_NUM": "0"}, {}, id="empty world"),
        pytest.param({"PADDLE_TRAINER_ID": "abc", "PADDLE_JOB_ID": "  "}, {}, id="words and blanks"),
        pytest.param({"PADDLE_TRAINER_ID": "1_0", "PADDLE_RANK_IN_NODE": "1.5"}, {}, id="almost numbers"),
        pytest.param({"PADDLE_TRAINER_ID": "٣"}, {}, id="other digits"),
        pytest.param({"PADDLE_TRAINER_ID": "9" * 5000, "PADDLE_RANK_IN_NODE": str(2**31)}, {}, id="too large"),
    ],
)
def test_the_launcher_tells_the_place_in_the_job(
    monkeypatch: pytest.MonkeyPatch, variables: Mapping[str, str], expected: Mapping[str, object]
) -> None:
    """Ranks are integers, the job id is text; what is missing or wrong is absent."""
    install(monkeypatch, {})
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    found = detected()
    assert found == expected
    assert [type(value) for value in found.values()] == [type(expected[key]) for key in found]


def test_broken_metadata_does_not_raise(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, telemetry_trouble: Any
) -> None:
    """A damaged installation costs the version, not the rank, and is logged."""
    telemetry_trouble.expected = True

    def broken(name: str) -> str:
        raise OSError(f"cannot read the metadata of {name}")

    monkeypatch.setattr(metadata, "version", broken)
    monkeypatch.setenv("PADDLE_TRAINER_ID", "2")
    assert detected() == {"paddle.rank": 2}
    assert "finding out which Paddle is installed (OSError)" in caplog.text


def test_no_schema_url() -> None:
    """OpenTelemetry drops a resource whose schema URL differs from another detector's."""
    assert PaddleResourceDetector().detect().schema_url == ""


def test_paddle_is_not_imported() -> None:
    """Detection takes milliseconds; importing Paddle takes seconds and reads CUDA's variables too early."""
    program = (
        "import sys; from paddle_otel.resource import PaddleResourceDetector; PaddleResourceDetector().detect(); "
        "sys.exit('paddle' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)
