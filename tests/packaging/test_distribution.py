"""What is in the wheel and in the source distribution, and what somebody who installs the wheel gets."""

import email
import json
import subprocess
import tarfile
import zipfile
from email.message import Message
from pathlib import Path

import pytest

ROOTS = ("src", "instrumentation")

ROOT_FILES = {"CHANGELOG.md", "LICENSE", "README.md", "README.zh-CN.md", "pyproject.toml"}

DIST_INFO = {"METADATA", "RECORD", "WHEEL", "entry_points.txt", "licenses/LICENSE"}

LOAD_ENTRY_POINTS = """
import importlib.metadata, importlib.util, json, sys
points = importlib.metadata.distribution("paddle-otel").entry_points
loaded = {f"{point.group}:{point.name}": callable(point.load()) for point in points}
paddle = importlib.util.find_spec("paddle") is not None or "paddle" in sys.modules
print(json.dumps({"loaded": loaded, "paddle": paddle}))
"""


def sources(root: Path) -> dict[str, Path]:
    """Returns the files of one root by their path below it."""
    files = (path for path in root.rglob("*") if path.is_file() and path.suffix != ".pyc")
    return {path.relative_to(root).as_posix(): path for path in files}


def contents(wheel: Path) -> dict[str, bytes]:
    """Returns what a wheel holds."""
    with zipfile.ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def dist_info(wheel: Path, name: str) -> bytes:
    """Returns one file of the wheel's metadata."""
    (found,) = (data for path, data in contents(wheel).items() if path.endswith(f".dist-info/{name}"))
    return found


@pytest.fixture(scope="module")
def metadata(wheel: Path) -> Message:
    """The metadata of the wheel."""
    return email.message_from_bytes(dist_info(wheel, "METADATA"))


def test_the_roots_share_no_file(checkout: Path) -> None:
    """In the wheel both roots become one package, so a file in both would lose one of its two contents."""
    library, instrumentation = (sources(checkout / root) for root in ROOTS)
    assert set(library) & set(instrumentation) == set()


def test_the_wheel_is_both_roots_merged_and_nothing_else(checkout: Path, wheel: Path) -> None:
    """Every file of both roots is in the wheel byte for byte, with the metadata, and no other file."""
    expected = {name: path.read_bytes() for root in ROOTS for name, path in sources(checkout / root).items()}
    held = contents(wheel)
    code = {name: data for name, data in held.items() if ".dist-info/" not in name}
    assert set(code) == set(expected)
    assert code == expected
    assert {name.partition(".dist-info/")[2] for name in set(held) - set(code)} == DIST_INFO


def test_the_wheel_is_a_typed_namespace_package(wheel: Path) -> None:
    """``py.typed`` is there; no ``__init__.py`` is, so another distribution may add to ``paddle_otel``."""
    names = set(contents(wheel))
    assert "paddle_otel/py.typed" in names
    assert "paddle_otel/__init__.py" not in names


def test_the_sdist_holds_both_roots_and_the_root_files(checkout: Path, sdist: Path) -> None:
    """Nothing of tests, docs or the machine is in it. The build backend adds PKG-INFO and ``.gitignore``."""
    with tarfile.open(sdist) as archive:
        names = {member.name.partition("/")[2] for member in archive if member.isfile()}
    expected = {f"{root}/{name}" for root in ROOTS for name in sources(checkout / root)}
    assert names == expected | ROOT_FILES | {"PKG-INFO", ".gitignore"}


def test_the_sdist_builds_the_same_wheel(uv: str, wheel: Path, sdist: Path, checkout: Path, tmp_path: Path) -> None:
    """Whoever builds from the source distribution gets what the checkout gives, byte for byte."""
    constraints = checkout / "tests" / "requirements" / "lint.txt"
    build = [uv, "build", "--quiet", "--wheel", "--out-dir", tmp_path, "--build-constraints", constraints, sdist]
    subprocess.run(build, check=True, timeout=300)
    assert contents(tmp_path / wheel.name) == contents(wheel)


def test_the_metadata_names_the_extras(metadata: Message) -> None:
    """``otlp`` is what a user installs; ``instruments-any`` is what ``opentelemetry-instrument`` reads."""
    assert metadata["Name"] == "paddle-otel"
    assert metadata["Requires-Python"] == "<3.14,>=3.10"
    assert metadata["License-Expression"] == "Apache-2.0"
    assert set(metadata.get_all("Provides-Extra", [])) == {"otlp", "redis", "instruments-any"}


def test_paddle_is_never_required(metadata: Message) -> None:
    """Paddle's distributions are named for ``instruments-any`` alone: installing the plugin never brings a Paddle."""
    named = [text for text in metadata.get_all("Requires-Dist", []) if text.startswith("paddle")]
    assert {text.partition(">")[0] for text in named} == {
        "paddlepaddle",
        "paddlepaddle-dcu",
        "paddlepaddle-gpu",
        "paddlepaddle-npu",
        "paddlepaddle-xpu",
    }
    assert {text.partition("; ")[2] for text in named} == {"extra == 'instruments-any'"}


def test_every_entry_point_loads_where_there_is_no_paddle(clean_python: Path, tmp_path: Path) -> None:
    """Installed without Paddle, every entry point loads: a program that does not use Paddle is never disturbed."""
    program = [clean_python, "-I", "-W", "error", "-c", LOAD_ENTRY_POINTS]
    ended = subprocess.run(program, check=True, capture_output=True, text=True, cwd=tmp_path, timeout=60)
    assert json.loads(ended.stdout) == {
        "loaded": {
            "opentelemetry_instrumentor:paddlenlp": True,
            "opentelemetry_instrumentor:paddleformers": True,
            "opentelemetry_instrumentor:paddle_inference": True,
            "opentelemetry_instrumentor:paddlex": True,
            "opentelemetry_instrumentor:paddle_hardware": True,
            "paddle_otel_activity:paddlenlp": True,
            "paddle_otel_activity:paddleformers": True,
            "paddle_otel_activity:paddle_inference": True,
            "paddle_otel_activity:training": True,
            "opentelemetry_propagator:paddle_identity": True,
            "opentelemetry_resource_detector:paddle": True,
            "opentelemetry_traces_exporter:otlp_jsonl_file": True,
            "opentelemetry_metrics_exporter:otlp_jsonl_file": True,
            "opentelemetry_logs_exporter:otlp_jsonl_file": True,
        },
        "paddle": False,
    }
