"""The locked requirement files: complete, in step with their sources, and free of any index."""

import email
import re
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from packaging.markers import Marker, default_environment
from packaging.requirements import Requirement
from packaging.version import Version

LOCKS = Path(__file__).parents[1] / "requirements"
EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "chat_server"

# The Python versions that each environment is made for.
PYTHONS = {
    "core": ("3.10", "3.11", "3.12", "3.13"),
    "core-oldest": ("3.10", "3.11", "3.12", "3.13"),
    "peers": ("3.10", "3.11", "3.12", "3.13"),
    "formers": ("3.10", "3.11", "3.12", "3.13"),
    "paddlenlp3": ("3.10", "3.11", "3.12"),
    "paddlenlp2": ("3.10", "3.11", "3.12"),
    "paddleocr": ("3.10", "3.11", "3.12"),
    "paddle32": ("3.10", "3.11", "3.12", "3.13"),
    "paddle31": ("3.10", "3.11", "3.12", "3.13"),
    "paddle30": ("3.10", "3.11", "3.12", "3.13"),
}

ENVIRONMENTS = [(lock, python) for lock, pythons in PYTHONS.items() for python in pythons]


def environment(python: str, extra: str = "") -> dict[str, str]:
    """Returns the marker environment of one Python version on this machine."""
    here = {key: str(value) for key, value in default_environment().items()}
    return here | {"python_version": python, "python_full_version": f"{python}.0", "extra": extra}


def applies(marker: Marker | None, where: Mapping[str, str]) -> bool:
    """Says whether a requirement with this marker counts in an environment."""
    return marker is None or marker.evaluate(dict(where))


def entries(lock: Path) -> list[str]:
    """Returns the entries of a lock, each as one line with its hashes."""
    text = re.sub(r"^\s*#.*\n", "", lock.read_text(), flags=re.MULTILINE)
    return [entry for entry in text.replace("\\\n", " ").splitlines() if entry.strip()]


def pins(lock: Path, where: Mapping[str, str]) -> dict[str, Version]:
    """Returns what a lock installs in an environment."""
    requirements = [Requirement(entry.partition(" --hash=")[0]) for entry in entries(lock)]
    counted = [requirement for requirement in requirements if applies(requirement.marker, where)]
    assert len({requirement.name for requirement in counted}) == len(counted), "two versions of one package"
    return {requirement.name: Version(str(requirement.specifier).removeprefix("==")) for requirement in counted}


def sources(path: Path) -> Iterator[Requirement]:
    """Yields what a source file asks for, included files too."""
    for line in path.read_text().splitlines():
        asked = line.partition("#")[0].strip()
        if asked.startswith("-r "):
            yield from sources(path.parent / asked.removeprefix("-r "))
        elif asked:
            yield Requirement(asked)


def unmet(asked: list[Requirement], held: Mapping[str, Version], where: Mapping[str, str]) -> list[str]:
    """Returns the requirements that the pinned versions do not meet."""
    counted = [requirement for requirement in asked if applies(requirement.marker, where)]
    name = {requirement: requirement.name.lower().replace("_", "-") for requirement in counted}
    return [
        f"{requirement}: {held.get(name[requirement])}"
        for requirement in counted
        if name[requirement] not in held
        or not requirement.specifier.contains(held[name[requirement]], prereleases=True)
    ]


@pytest.fixture(scope="module")
def declared(wheel: Path) -> list[Requirement]:
    """What the wheel declares that it needs, extras included."""
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        metadata = email.message_from_bytes(archive.read(name))
    return [Requirement(text) for text in metadata.get_all("Requires-Dist", [])]


@pytest.mark.parametrize("lock", [*LOCKS.glob("*.txt"), EXAMPLE / "requirements.txt"], ids=lambda path: path.stem)
def test_every_package_is_pinned_with_hashes_and_no_index_is_named(lock: Path) -> None:
    """Whatever registry the machine is set up for serves the packages, and nothing but the very files locked."""
    found = entries(lock)
    assert found
    assert [entry for entry in found if not re.match(r"[a-z0-9-]+==\S+ .*--hash=sha256:[0-9a-f]{64}", entry)] == []
    assert "://" not in lock.read_text()


@pytest.mark.parametrize(("lock", "python"), ENVIRONMENTS)
def test_the_lock_meets_what_the_project_declares(lock: str, python: str, declared: list[Requirement]) -> None:
    """A dependency that was added or raised in pyproject.toml is in every lock; `make lock` brings it in."""
    held = pins(LOCKS / f"{lock}.txt", environment(python))
    assert unmet(declared, held, environment(python, extra="otlp")) == []


@pytest.mark.parametrize(("lock", "python"), ENVIRONMENTS)
def test_the_lock_meets_its_source(lock: str, python: str) -> None:
    """A line that was added or changed in a source file is in its lock; `make lock` brings it in."""
    held = pins(LOCKS / f"{lock}.txt", environment(python))
    assert unmet(list(sources(LOCKS / f"{lock}.in")), held, environment(python)) == []


@pytest.mark.parametrize("python", PYTHONS["core-oldest"])
def test_the_declared_lower_bounds_are_the_tested_ones(python: str, declared: list[Requirement]) -> None:
    """The oldest versions that the project says it works with are those that the tests ran with, not a hope."""
    where = environment(python, extra="otlp")
    held = pins(LOCKS / "core-oldest.txt", where)
    bounds = {
        requirement.name: Version(bound.version)
        for requirement in declared
        if applies(requirement.marker, where)
        for bound in requirement.specifier
        if bound.operator == ">="
    }
    assert bounds
    assert {name: held[name] for name in bounds} == bounds
