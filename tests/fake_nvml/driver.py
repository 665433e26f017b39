"""Builds and steers the fake NVIDIA driver library that is compiled from the C files in this folder.

A test that runs in this process uses :class:`FakeDriver` (see ``fake_nvml.fixtures``); a program that a test starts is
steered by the environment :func:`environment` returns.
"""

import ctypes
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, cast

SOURCES: Final = tuple(Path(__file__).with_name(name) for name in ("control.c", "nvml.c"))
SONAME: Final = "libnvidia-ml.so.1"
ANY: Final = -1
"""Every device, and the "device" of calls that concern none."""
HANG: Final = 1 << 20
"""As a return code: the call does not return until :meth:`FakeDriver.heal`."""
FOREVER: Final = -1

DRIVER_VERSION: Final = "570.86.15"
NAME: Final = "NVIDIA H100 80GB HBM3"
GIB: Final = 1024**3


def uuid(index: int) -> str:
    """Return the UUID a fake device has unless a test sets another one."""
    return f"GPU-00000000-0000-4000-8000-{index:012d}"


def build(folder: Path, *defines: str) -> Path:
    """Compile the library into a folder.

    Args:
        folder: Where ``libnvidia-ml.so.1`` is written.
        *defines: ``OLD_DRIVER`` leaves out what older drivers do not export.

    Returns:
        The library's path. Put its folder on ``LD_LIBRARY_PATH``, or load it by this path.
    """
    library = folder / SONAME
    flags = ["-std=gnu11", "-O1", "-fPIC", "-shared", "-fvisibility=hidden", "-Wall", "-Wextra", "-Werror", "-pthread"]
    subprocess.run(
        [
            os.environ.get("CC", "cc"),
            *flags,
            *(f"-D{define}" for define in defines),
            f"-Wl,-soname,{SONAME}",
            "-o",
            str(library),
            *map(str, SOURCES),
        ],
        check=True,
    )
    return library


def program_environment(**variables: str) -> dict[str, str]:
    """Return the environment of a program that a test starts: test helpers on its path, no settings of ours."""
    tests = str(Path(__file__).parents[1])
    path = os.pathsep.join(filter(None, [tests, os.environ.get("PYTHONPATH", "")]))
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("PADDLE_OTEL_", "OTEL_"))}
    # Which tests set: no other process on this machine may report the devices of a test.
    inherited |= {name: value for name, value in os.environ.items() if name == "PADDLE_OTEL_LOCK_DIRECTORY"}
    return {**inherited, "PYTHONPATH": path, **variables}


def environment(library: Path, *, count: int = 1, rules: str = "") -> dict[str, str]:
    """Return the environment in which a program finds the fake driver.

    Args:
        library: What :func:`build` returned.
        count: Number of devices.
        rules: ``"function@device=code[/sleep_ms]; …"``; device ``*`` is every device, code ``hang`` never returns.
    """
    return program_environment(LD_LIBRARY_PATH=str(library.parent), FAKE_NVML_COUNT=str(count), FAKE_NVML_RULES=rules)


class FakeDriver:
    """The fake driver as loaded into this process.

    Args:
        library: What :func:`build` returned.
    """

    def __init__(self, library: Path) -> None:
        self.library = ctypes.CDLL(str(library))
        self.library.fake_calls.restype = ctypes.c_longlong

    def reset(self, count: int = 1) -> None:
        """Start anew with this many healthy devices of default values, nothing initialised, no call counted."""
        self._control("fake_reset")(count)

    def set(self, device: int, **values: int) -> None:
        """Set values of a device in NVML's own units (%, By, mW, mJ, Cel).

        Raises:
            ValueError: The fake has no such value.
        """
        for key, value in values.items():
            if not self._control("fake_set")(device, key.encode(), ctypes.c_longlong(value)):
                raise ValueError(f"the fake driver has no value {key!r}")

    def set_text(self, device: int, *, uuid: str | None = None, name: str | None = None) -> None:
        """Set the identity of a device."""
        self._control("fake_set_text")(
            device, *(text and text.encode(errors="surrogateescape") for text in (uuid, name))
        )

    def inject(self, function: str, code: int, *, device: int = ANY, sleep: float = 0.0, times: int = FOREVER) -> None:
        """Make a function answer with a code, after a delay in seconds; the first rule that matches wins.

        Args:
            function: The exported C name, ``nvmlDeviceGetMemoryInfo_v2`` for instance, or ``field:186``.
            code: An NVML return code, 0 for none, or :data:`HANG`.
            device: Which device, :data:`ANY` for all.
            sleep: Seconds the call takes.
            times: How often, :data:`FOREVER` unless given.
        """
        self._control("fake_inject")(function.encode(), device, code, int(sleep * 1000), times)

    def heal(self) -> None:
        """Forget every injected rule and let hanging calls return."""
        self._control("fake_heal")()

    def reload(self) -> None:
        """Do what a reload of the driver does: every initialisation is gone."""
        self._control("fake_reload")()

    def calls(self, function: str, device: int = ANY) -> int:
        """Return how often a function was called since the last reset, for one device or for all."""
        return int(self._control("fake_calls")(function.encode(), device))

    @property
    def references(self) -> int:
        """How many initialisations have not been shut down."""
        return int(self._control("fake_references")())

    @property
    def hanging(self) -> int:
        """How many calls hang right now."""
        return int(self._control("fake_hanging")())

    def _control(self, name: str) -> Callable[..., Any]:
        return cast("Callable[..., Any]", getattr(self.library, name))
