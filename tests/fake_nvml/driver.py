"""Builds and steers the fake NVIDIA driver library that is compiled from the C files in this folder.

A test that runs in this process uses :class:`FakeDriver` (see ``fake_nvml.fixtures``); a program that a test starts is
steered by the environment :func:`environment` returns; ``fake_nvml.scenarios`` has whole situations.

What a test can do with a :class:`FakeDriver`:

- **Values** of a device, in NVML's own units: :meth:`~FakeDriver.set`, :meth:`~FakeDriver.get`,
  :meth:`~FakeDriver.add` (with wrap), :meth:`~FakeDriver.set_text`, :meth:`~FakeDriver.set_field` (any value of any
  type for a field), :meth:`~FakeDriver.set_gpm`. ``keys.h`` lists the names; each device starts with a value of its
  own. ``lost=15`` lets a device answer with that code to everything.
- **Processes**: :meth:`~FakeDriver.set_processes`, :meth:`~FakeDriver.set_process_utilization`; ``own_memory`` and
  ``own_utilization`` put the process that asks on the device.
- **MIG**: :meth:`~FakeDriver.mig`; a MIG device is set, counted and broken like a device, by the number
  :func:`instance` gives.
- **Events**: :meth:`~FakeDriver.xid`.
- **Trouble**: :meth:`~FakeDriver.inject` codes, delays and hangs into any function (``nvmlDeviceGetName``), any field
  (``field:186``) and any GPM metric (``gpm:5``), :meth:`~FakeDriver.heal`; :meth:`~FakeDriver.reload` the driver;
  :meth:`~FakeDriver.list_devices` in another order; :meth:`~FakeDriver.set_driver_version`: before 580.82 three fields
  have other numbers.
- **Counts**: :meth:`~FakeDriver.calls`, :attr:`~FakeDriver.all_calls`, :attr:`~FakeDriver.references`,
  :attr:`~FakeDriver.hanging`, :attr:`~FakeDriver.event_sets`, :attr:`~FakeDriver.gpm_samples`.
"""

import ctypes
import os
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, cast

from fake_nvml.records import NO_INSTANCE, Mig, Process, ProcessRecord, ProcessUtilization, ProcessUtilizationRecord

SOURCES: Final = tuple(sorted(Path(__file__).parent.glob("*.c")))
SONAME: Final = "libnvidia-ml.so.1"
ANY: Final = -1
"""Every device, and the "device" of calls that concern none."""
HANG: Final = 1 << 20
"""As a return code: the call does not return until :meth:`FakeDriver.heal`."""
FOREVER: Final = -1
MAX_DEVICES: Final = 16
MAX_INSTANCES: Final = 7
"""MIG devices of one GPU."""
NOT_AVAILABLE: Final = (1 << 64) - 1
"""NVML's number of bytes that it does not know."""

DRIVER_VERSION: Final = "580.95.05"
OLD_DRIVER_VERSION: Final = "450.80.02"
NAME: Final = "NVIDIA H100 80GB HBM3"
GIB: Final = 1024**3


def uuid(index: int) -> str:
    """Return the UUID a fake device has unless a test sets another one."""
    return f"GPU-00000000-0000-4000-8000-{index:012d}"


def mig_uuid(index: int, gpu_instance: int, compute_instance: int) -> str:
    """Return the UUID a MIG device has unless a test sets another one."""
    return f"MIG-{index:08d}-{gpu_instance:04d}-{compute_instance:04d}-8000-000000000000"


def instance(device: int, slot: int) -> int:
    """Return the number by which a MIG device is set, counted and broken."""
    return MAX_DEVICES + device * MAX_INSTANCES + slot


def build(folder: Path, *defines: str) -> Path:
    """Compile the library into a folder.

    Args:
        folder: Where ``libnvidia-ml.so.1`` is written.
        *defines: ``OLD_DRIVER`` leaves out what drivers of 2020 do not export.

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


def environment(library: Path, *, count: int = 1, rules: str = "", values: str = "") -> dict[str, str]:
    """Return the environment in which a program finds the fake driver.

    Args:
        library: What :func:`build` returned.
        count: Number of devices.
        rules: ``"function@device=code[/sleep_ms]; …"``; device ``*`` is every device, code ``hang`` never returns.
        values: ``"device.key=value; …"``; device ``*`` is every device. A key is one of :meth:`FakeDriver.set` or
            :meth:`FakeDriver.set_text`, or ``mig`` with profiles as ``1g.10gb+2g.20gb``: a MIG device each, in GPU
            instances 1, 2, …
    """
    return program_environment(
        LD_LIBRARY_PATH=str(library.parent),
        FAKE_NVML_COUNT=str(count),
        FAKE_NVML_RULES=rules,
        FAKE_NVML_SET=values,
    )


class FakeDriver:
    """The fake driver as loaded into this process.

    Args:
        library: What :func:`build` returned.

    Every method that takes a device, a value or a function raises :class:`ValueError` when the fake has none such: a
    test that is wrong must not look like a driver that is.
    """

    def __init__(self, library: Path) -> None:
        self.library = ctypes.CDLL(str(library))
        for name in ("fake_calls", "fake_all_calls"):
            self._control(name).restype = ctypes.c_longlong
        self._control("fake_key").restype = ctypes.c_char_p

    def reset(self, count: int = 1) -> None:
        """Start anew with this many healthy devices of default values, nothing initialised, no call counted."""
        self._control("fake_reset")(count)

    @property
    def keys(self) -> list[str]:
        """The names of all values of a device."""
        names: list[str] = []
        while name := self._control("fake_key")(len(names)):
            names.append(name.decode())
        return names

    def set(self, device: int, **values: int) -> None:
        """Set values of a device in NVML's own units (%, By, mW, mJ, Cel, MHz, ns, KiB of NVLink)."""
        for key, value in values.items():
            self._accepted(f"value {key!r}", "fake_set", device, key.encode(), ctypes.c_longlong(value))

    def get(self, device: int, key: str) -> int:
        """Return a value of a device as :meth:`set` takes it."""
        value = ctypes.c_longlong()
        self._accepted(f"value {key!r}", "fake_get", device, key.encode(), ctypes.byref(value))
        return value.value

    def add(self, device: int, *, bits: int = 64, **amounts: int) -> None:
        """Let values of a device grow.

        Args:
            device: Which device.
            bits: Width of the counters, which wrap; 64 bits never do.
            **amounts: By how much, in NVML's own units.
        """
        for key, amount in amounts.items():
            self._accepted(f"value {key!r}", "fake_add", device, key.encode(), ctypes.c_longlong(amount), bits)

    def set_text(
        self,
        device: int,
        *,
        uuid: str | None = None,
        name: str | None = None,
        serial: str | None = None,
        vbios: str | None = None,
    ) -> None:
        """Set the identity of a device; an empty serial number is none."""
        for key, text in {"uuid": uuid, "name": name, "serial": serial, "vbios": vbios}.items():
            if text is not None:
                encoded = text.encode(errors="surrogateescape")
                self._accepted(f"text {key!r}", "fake_set_text", device, key.encode(), encoded)

    def set_driver_version(self, version: str) -> None:
        """Set the driver's version; before 580.82, fields 251 to 253 are what 269 to 271 are from then on."""
        self._control("fake_set_driver_version")(version.encode())

    def list_devices(self, *devices: int) -> None:
        """Let NVML list these devices, in this order; whatever asks by index again sees it."""
        self._accepted("such list", "fake_list", len(devices), (ctypes.c_int * len(devices))(*devices))

    def set_field(self, device: int, field: int, value: float, value_type: int) -> None:
        """Let a field answer, in every scope, with a value of any type (NVML's number: 0 double, 1 unsigned int, …)."""
        number = ctypes.c_double(value) if value_type == 0 else ctypes.c_longlong(int(value))
        self._accepted(f"field {field}", "fake_set_field", device, field, value_type, ctypes.byref(number))

    def set_gpm(self, device: int, metrics: Mapping[int, float]) -> None:
        """Set GPM metrics of a device, or of the GPU instance whose first MIG device it is (%, MiB/s)."""
        for metric, value in metrics.items():
            self._accepted(f"metric {metric}", "fake_set_gpm", device, metric, ctypes.c_double(value))

    def set_processes(self, device: int, processes: Sequence[Process], *, graphics: bool = False) -> None:
        """Set the processes that compute (or draw) on a GPU, those of its MIG devices included."""
        table = (ProcessRecord * len(processes))(*processes)
        self._accepted("room", "fake_set_processes", device, int(graphics), len(processes), table)

    def set_process_utilization(self, device: int, samples: Sequence[ProcessUtilization]) -> None:
        """Set the samples of process utilisation that a GPU remembers."""
        table = (ProcessUtilizationRecord * len(samples))(*samples)
        self._accepted("room", "fake_set_process_samples", device, len(samples), table)

    def mig(self, device: int, profiles: Sequence[Mig | tuple[int, int, int, int, str] | None]) -> None:
        """Switch MIG mode on with these MIG devices, ``None`` being an empty slot; off without any."""
        self._accepted("GPU", "fake_mig_off", device)
        for slot, profile in enumerate(profiles):
            if profile is not None:
                made = Mig(*profile)
                sizes = ctypes.c_longlong(made.total), ctypes.c_longlong(made.used)
                ids = made.gpu_instance, made.compute_instance
                self._accepted("slot", "fake_mig_add", device, slot, *ids, *sizes, made.profile.encode())

    def xid(self, device: int, xid: int, gpu_instance: int = NO_INSTANCE, compute_instance: int = NO_INSTANCE) -> int:
        """Let an XID error happen on a GPU; return how many event sets heard of it."""
        return int(self._control("fake_xid")(device, ctypes.c_ulonglong(xid), gpu_instance, compute_instance))

    def inject(self, function: str, code: int, *, device: int = ANY, sleep: float = 0.0, times: int = FOREVER) -> None:
        """Make a function answer with a code, after a delay in seconds; the first rule that matches wins.

        Args:
            function: The exported C name, ``nvmlDeviceGetMemoryInfo_v2`` for instance, ``field:186`` or ``gpm:5``.
            code: An NVML return code, 0 for none, or :data:`HANG`.
            device: Which device, :data:`ANY` for all.
            sleep: Seconds the call takes.
            times: How often, :data:`FOREVER` unless given.
        """
        if ":" not in function and not hasattr(self.library, function):
            raise ValueError(f"the fake driver has no function {function!r}")
        self._accepted("room for rules", "fake_inject", function.encode(), device, code, int(sleep * 1000), times)

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
    def all_calls(self) -> int:
        """How many calls there were since the last reset; fields and metrics are not calls of their own."""
        return int(self._control("fake_all_calls")())

    @property
    def references(self) -> int:
        """How many initialisations have not been shut down."""
        return int(self._control("fake_references")())

    @property
    def hanging(self) -> int:
        """How many calls hang right now."""
        return int(self._control("fake_hanging")())

    @property
    def event_sets(self) -> int:
        """How many event sets have not been freed."""
        return int(self._control("fake_event_sets")())

    @property
    def gpm_samples(self) -> int:
        """How many GPM samples have not been freed."""
        return int(self._control("fake_gpm_samples")())

    def _accepted(self, what: str, name: str, *args: Any) -> None:
        if not self._control(name)(*args):
            raise ValueError(f"the fake driver has no {what}, or no such device")

    def _control(self, name: str) -> Any:
        return cast("Callable[..., Any]", getattr(self.library, name))
