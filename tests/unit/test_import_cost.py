"""What importing the library brings with it: OpenTelemetry's API, and nothing that takes seconds or touches a GPU."""

import json
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest

import paddle_otel.guard

# The folder of the library root. Installed from a wheel the patches are in it too, and the same holds for them.
ROOT = Path(paddle_otel.guard.__file__).parent

# Loaded by the OpenTelemetry SDK only, through their entry points.
FOR_THE_SDK = ("paddle_otel.exporters", "paddle_otel.resource")

HEAVY = {"paddle", "paddlenlp", "paddleformers", "transformers", "torch", "numpy", "pynvml", "redis", "grpc"}


def modules() -> list[str]:
    """Name every module of the library."""
    paths = [path.relative_to(ROOT.parent).with_suffix("") for path in sorted(ROOT.rglob("*.py"))]
    return [".".join(path.parts).removesuffix(".__init__") for path in paths]


def imported_by(names: Iterable[str]) -> set[str]:
    """Import modules in a fresh interpreter; returns all that it has then."""
    program = "import importlib, json, sys; [importlib.import_module(name) for name in sys.argv[1:]]; "
    program += "print(json.dumps(list(sys.modules)))"
    ended = subprocess.run(
        [sys.executable, "-W", "error", "-c", program, *names], check=True, capture_output=True, text=True, timeout=120
    )
    return set(json.loads(ended.stdout))


def test_all_modules_are_looked_at() -> None:
    """The list is not empty by mistake."""
    assert {"paddle_otel.guard", "paddle_otel.conventions", "paddle_otel.rotating_file"} <= set(modules())


def test_the_library_imports_nothing_heavy_and_no_sdk() -> None:
    """A program that does not use Paddle, or has no SDK, pays for a few small modules only."""
    loaded = imported_by(name for name in modules() if not name.startswith(FOR_THE_SDK))
    assert loaded & HEAVY == set()
    assert {name for name in loaded if name.startswith("opentelemetry.sdk")} == set()


@pytest.mark.parametrize("entry", FOR_THE_SDK)
def test_what_the_sdk_loads_imports_nothing_heavy(entry: str) -> None:
    """Exporters and the resource detector add their part of the SDK, never Paddle or a driver."""
    loaded = imported_by([entry])
    assert loaded & HEAVY == set()
    assert "opentelemetry.sdk.resources" in loaded
