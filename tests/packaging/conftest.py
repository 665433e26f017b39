"""The distributions, built once per run from this checkout, and a clean environment with the wheel and no Paddle."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[2]
LOCKS = CHECKOUT / "tests" / "requirements"


def _program(variable: str, name: str) -> str:
    """Returns the program that the Makefile names in an environment variable, or the one on PATH."""
    found = os.environ.get(variable) or shutil.which(name)
    assert found, f"{name} is not on PATH and {variable} does not name it: run `make build` or `make test`"
    return found


@pytest.fixture(scope="session")
def checkout() -> Path:
    """The top folder of the sources."""
    return CHECKOUT


@pytest.fixture(scope="session")
def uv() -> str:
    """The uv command."""
    return _program("UV", "uv")


@pytest.fixture(scope="session")
def pyright() -> str:
    """The pyright command."""
    return _program("PYRIGHT", "pyright")


@pytest.fixture(scope="session")
def built(uv: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the wheel and the source distribution, both built from the checkout."""
    folder = tmp_path_factory.mktemp("built")
    for kind in ("--wheel", "--sdist"):
        build = [uv, "build", "--quiet", kind, "--out-dir", folder, "--build-constraints", LOCKS / "lint.txt", CHECKOUT]
        subprocess.run(build, check=True, timeout=300)
    return folder


@pytest.fixture(scope="session")
def wheel(built: Path) -> Path:
    """The wheel, built straight from the checkout."""
    (path,) = built.glob("*.whl")
    return path


@pytest.fixture(scope="session")
def sdist(built: Path) -> Path:
    """The source distribution."""
    (path,) = built.glob("*.tar.gz")
    return path


@pytest.fixture(scope="session")
def clean_python(uv: str, wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of a new environment: the wheel, the locked dependencies, no Paddle, nothing of the checkout."""
    environment = tmp_path_factory.mktemp("clean") / "venv"
    install = [uv, "pip", "install", "--quiet", "--python", environment, "--no-deps"]
    subprocess.run([uv, "venv", "--quiet", "--python", sys.executable, environment], check=True, timeout=60)
    subprocess.run([*install, "--require-hashes", "-r", LOCKS / "core.txt"], check=True, timeout=600)
    subprocess.run([*install, wheel], check=True, timeout=60)
    return environment / "bin" / "python"
