"""What package managers choose for somebody who installs the wheel today."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from packaging.version import Version

Resolve = Callable[[str], dict[str, Version]]


@pytest.fixture
def by_pip(tmp_path: Path) -> Resolve:
    """What pip would install in an empty environment."""

    def resolve(requirement: str) -> dict[str, Version]:
        report = tmp_path / "report.json"
        install = [sys.executable, "-m", "pip", "install", "--quiet", "--dry-run", "--ignore-installed"]
        subprocess.run([*install, "--report", report, requirement], check=True, cwd=tmp_path, timeout=300)
        chosen = [item["metadata"] for item in json.loads(report.read_text())["install"]]
        return {item["name"]: Version(item["version"]) for item in chosen}

    return resolve


@pytest.fixture
def by_uv(uv: str, tmp_path: Path) -> Resolve:
    """What uv would install in an empty environment."""

    def resolve(requirement: str) -> dict[str, Version]:
        compile_ = [uv, "pip", "compile", "--quiet", "--no-header", "--no-annotate", "--python", sys.executable, "-"]
        ended = subprocess.run(
            compile_, check=True, input=requirement, capture_output=True, text=True, cwd=tmp_path, timeout=300
        )
        pins = [line.split("==") for line in ended.stdout.splitlines() if "==" in line]
        return {name: Version(version) for name, version in pins}

    return resolve


@pytest.fixture(params=["by_pip", "by_uv"])
def resolve(request: pytest.FixtureRequest) -> Resolve:
    """Both package managers, one after the other."""
    chosen: Resolve = request.getfixturevalue(request.param)
    return chosen


def series(version: Version) -> tuple[int, int]:
    """Returns the part of a version that all OpenTelemetry packages of one release share."""
    return version.major, version.minor


def locked_sdk(checkout: Path) -> Version:
    """Returns the SDK version that the tests of this checkout run with."""
    lines = (checkout / "tests" / "requirements" / "core.txt").read_text().splitlines()
    (pin,) = (line for line in lines if line.startswith("opentelemetry-sdk=="))
    return Version(pin.partition("==")[2].split()[0])


def test_the_otlp_extra_is_one_current_opentelemetry_release(resolve: Resolve, wheel: Path, checkout: Path) -> None:
    """Everything comes from one release, no older than the tested one: resolvers once chose a distro of two years ago.

    Within a release OpenTelemetry re-issues single packages (1.45.1, 1.45.2), so the third digit may differ between the
    SDK and the exporters; API and SDK, and instrumentation and conventions, are tied to each other exactly.
    """
    chosen = resolve(f"paddle-otel[otlp] @ {wheel.as_uri()}")
    opentelemetry = {name: version for name, version in chosen.items() if name.startswith("opentelemetry-")}
    stable = {series(version) for version in opentelemetry.values() if version.major == 1}
    beta = {series(version) for version in opentelemetry.values() if version.major == 0}
    assert (len(stable), len(beta)) == (1, 1), opentelemetry
    assert max(stable) >= series(locked_sdk(checkout))
    assert opentelemetry["opentelemetry-sdk"] == opentelemetry["opentelemetry-api"]
    assert (
        opentelemetry["opentelemetry-distro"]
        == opentelemetry["opentelemetry-instrumentation"]
        == opentelemetry["opentelemetry-semantic-conventions"]
    )
    assert opentelemetry["opentelemetry-distro"] >= Version("0.60b0")
    assert {"opentelemetry-exporter-otlp-proto-grpc", "opentelemetry-exporter-otlp-proto-http"} <= set(opentelemetry)


def test_the_plain_installation_has_no_sdk(resolve: Resolve, wheel: Path) -> None:
    """A library that names paddle-otel as a dependency does not force an SDK, a distro or Paddle on its users."""
    chosen = set(resolve(f"paddle-otel @ {wheel.as_uri()}"))
    assert {"opentelemetry-api", "opentelemetry-instrumentation", "wrapt", "nvidia-ml-py", "psutil"} <= chosen
    assert {"opentelemetry-sdk", "opentelemetry-distro", "paddlepaddle"} & chosen == set()
