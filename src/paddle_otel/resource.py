"""The resource detector ``paddle``: which Paddle this process has, and which part of a distributed job it is.

OpenTelemetry runs the detectors that are named, so it is switched on with::

    export OTEL_EXPERIMENTAL_RESOURCE_DETECTORS=paddle

Only package metadata and the launcher's environment variables are read; Paddle is not imported.
"""

import os
from collections.abc import Mapping
from importlib import metadata
from typing import Final

from opentelemetry.sdk.resources import Resource, ResourceDetector

from paddle_otel.conventions import attributes as a
from paddle_otel.guard import guard

# Paddle's distributions and what each is compiled with, in the words of paddle.is_compiled_with_cuda(), _xpu() and
# _rocm(); the DCU is driven through ROCm. Other devices are plug-ins of the CPU distribution.
_COMPILED_WITH: Final[Mapping[str, str]] = {
    "paddlepaddle": "cpu",
    "paddlepaddle-gpu": "cuda",
    "paddlepaddle-xpu": "xpu",
    "paddlepaddle-dcu": "rocm",
    "paddlepaddle-npu": "npu",
}

# A rank beyond this is a mistake, and OTLP integers end at 64 bits.
_MAX_PROCESSES: Final = 2**31


class PaddleResourceDetector(ResourceDetector):
    """Describes Paddle and the process's place in a distributed job.

    Emits, each only where it is known: ``paddle.version``, ``paddle.compiled_with`` (``cpu``, ``cuda``, ``xpu``,
    ``rocm``, ``npu``), ``paddle.rank``, ``paddle.local_rank``, ``paddle.world_size`` and ``paddle.job.id``.
    """

    def detect(self) -> Resource:
        """Read the attributes; never raises an ``Exception``.

        Returns:
            A resource without a schema URL: two different ones do not merge, and the whole resource would be lost.
        """
        attributes: dict[str, str | int] = {}
        with guard("finding out which Paddle is installed"):
            attributes |= _paddle_attributes()
        with guard("reading the launcher's environment variables"):
            attributes |= _launcher_attributes(os.environ)
        return Resource(attributes)


def _paddle_attributes() -> dict[str, str]:
    installed = {name: version for name in _COMPILED_WITH if (version := _installed_version(name))}
    if not installed:
        return {}
    # Two distributions overwrite each other's files: the metadata does not tell whose are imported.
    versions = set(installed.values())
    attributes: dict[str, str] = {}
    if len(versions) == 1:
        attributes[a.PADDLE_VERSION] = versions.pop()
    if len(installed) == 1:
        attributes[a.PADDLE_COMPILED_WITH] = _COMPILED_WITH[next(iter(installed))]
    return attributes


def _installed_version(distribution: str) -> str | None:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None


def _launcher_attributes(environ: Mapping[str, str]) -> dict[str, str | int]:
    """Read what ``paddle.distributed.launch`` (all names) and the older fleet launcher (no local rank) set."""
    found: dict[str, str | int | None] = {
        a.PADDLE_LOCAL_RANK: _number(environ, "PADDLE_RANK_IN_NODE", "PADDLE_LOCAL_RANK"),
        a.PADDLE_JOB_ID: environ.get("PADDLE_JOB_ID", "").strip() or None,
    }
    rank = _number(environ, "PADDLE_TRAINER_ID")
    world_size = _number(environ, "PADDLE_TRAINERS_NUM")
    # Which of the two is wrong cannot be told.
    if rank is None or world_size is None or rank < world_size:
        found |= {a.PADDLE_RANK: rank, a.PADDLE_WORLD_SIZE: world_size or None}
    return {key: value for key, value in found.items() if value is not None}


def _number(environ: Mapping[str, str], *variables: str) -> int | None:
    """Return the first variable that is set, as a number; only digits are one: no sign, no ``1_0``."""
    values = (environ.get(name, "").strip() for name in variables)
    raw = next(filter(None, values), "")
    if not (raw.isascii() and raw.isdecimal()) or len(raw) > len(str(_MAX_PROCESSES)):
        return None
    value = int(raw)
    return value if value < _MAX_PROCESSES else None
