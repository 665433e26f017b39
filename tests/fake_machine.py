"""A machine as a folder: the files of ``/proc`` and ``/sys`` that the hardware sources read, with what a test says."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from paddle_otel.hardware.kind import DeviceKind, Window

GIB = 1024**3
MIB = 1024**2

STAT = "cpu  1000 200 300 4000 50 6 7 80 90 10\ncpu0 500 100 150 2000 25 3 3 40 45 5\nintr 12345 0 1\nctxt 99\n"
MEMINFO = {
    "MemTotal": 16 * 1024**2,
    "MemFree": 4 * 1024**2,
    "MemAvailable": 9 * 1024**2,
    "Buffers": 512 * 1024,
    "Cached": 3 * 1024**2,
    "SwapCached": 7,
    "SwapTotal": 2 * 1024**2,
    "SwapFree": 1536 * 1024,
    "SReclaimable": 1024**2,
}
VMSTAT = {"nr_free_pages": 5, "pswpin": 11, "pswpout": 22, "pgfault": 3000, "pgmajfault": 40, "pgfaultx": 1}
PRESSURE = {
    "cpu": "some avg10=12.34 avg60=5.00 avg300=1.00 total=111\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=0\n",
    "memory": "some avg10=1.00 avg60=5.00 avg300=1.00 total=111\nfull avg10=0.25 avg60=4.00 avg300=0.00 total=9\n",
    "io": "some avg10=100.00 avg60=5.00 avg300=1.00 total=111\nfull avg10=50.50 avg60=4.00 avg300=0.00 total=9\n",
}
CGROUP_2 = "31 23 0:28 / /sys/fs/cgroup rw,nosuid,nodev shared:4 - cgroup2 cgroup2 rw,nsdelegate\n"


class FakeMachine:
    """Writes the files; begins with a machine of 16 GiB, 8 CPUs and version 2 of cgroups, this process in the root.

    Args:
        root: An empty folder.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.write("proc/stat", STAT)
        self.meminfo()
        self.vmstat()
        for resource, text in PRESSURE.items():
            self.write(f"proc/pressure/{resource}", text)
        self.write("proc/self/statm", "50000 2500 1000 10 0 9000 0\n")
        self.write("sys/devices/system/cpu/online", "0-7\n")
        self.write("proc/self/cgroup", "0::/\n")
        self.write("proc/self/mountinfo", CGROUP_2)
        (root / "sys/fs/cgroup").mkdir(parents=True)

    def write(self, path: str, content: str | bytes) -> None:
        """Write a file and the folders above it."""
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content.encode() if isinstance(content, str) else content)

    def remove(self, path: str) -> None:
        """Remove a file."""
        (self.root / path).unlink()

    def unreadable(self, path: str) -> None:
        """Make reading a file fail for everybody, the superuser included."""
        self.remove(path)
        (self.root / path).mkdir()

    def meminfo(self, **changes: int | None) -> None:
        """Write ``/proc/meminfo``; values in KiB, ``None`` leaves a line out."""
        values = {**MEMINFO, **changes}
        lines = [f"{name}:{value:>15} kB\n" for name, value in values.items() if value is not None]
        self.write("proc/meminfo", "".join([*lines, "HugePages_Total:       0\n"]))

    def vmstat(self, **changes: int | None) -> None:
        """Write ``/proc/vmstat``; ``None`` leaves a line out."""
        values = {**VMSTAT, **changes}
        self.write("proc/vmstat", "".join(f"{name} {value}\n" for name, value in values.items() if value is not None))

    def cgroup(self, path: str, **files: str) -> None:
        """Make a cgroup of version 2 that is not the root; ``memory_max="1"`` is its file ``memory.max``."""
        folder = f"sys/fs/cgroup/{path}".rstrip("/")
        self.write(f"{folder}/cgroup.type", "domain\n")
        for name, content in files.items():
            self.write(f"{folder}/{name.replace('_', '.', 1)}", content + "\n")

    def version_1(self, **paths: str) -> None:
        """Let this process be in cgroups of version 1 only: controller and path of each."""
        self.write(
            "proc/self/cgroup", "".join(f"{i}:{name}:{path}\n" for i, (name, path) in enumerate(paths.items(), 1))
        )
        self.write(
            "proc/self/mountinfo",
            "".join(
                f"3{i} 31 0:3{i} / /sys/fs/cgroup/{name} rw - cgroup cgroup rw,{name}\n" for i, name in enumerate(paths)
            ),
        )
        for name in paths:
            self.write(f"sys/fs/cgroup/{name}/release_agent", "\n")

    def cgroup_1(self, controller: str, path: str, **files: str) -> None:
        """Make a cgroup of version 1 that is not the root; the first ``_`` of each name is a dot."""
        for name, content in files.items():
            self.write(f"sys/fs/cgroup/{controller}/{path}/{name.replace('_', '.', 1)}", content + "\n")


def window(now: Any, before: Any = None, seconds: float = 10.0) -> Window[Any]:
    """Return the window between two readings."""
    return Window(now, before, seconds if before is not None else 0.0, lambda: (now,))


def points(kind: DeviceKind[Any], name: str, now: Any, before: Any = None) -> dict[str, int | float]:
    """Return the values of a metric by the values of its attributes, joined by ``/``; fails if a series comes twice."""
    (observed,) = (one for one in kind.metrics if one.metric.name == name)
    found = list(observed.points(window(now, before)))
    by_attributes = {_key(attributes): value for value, attributes in found}
    assert len(by_attributes) == len(found)
    assert all(set(attributes) <= set(observed.metric.attributes) for _, attributes in found)
    return by_attributes


def all_points(kind: DeviceKind[Any], now: Any) -> dict[str, dict[str, int | float]]:
    """Return the values of all metrics that have any at the first collection."""
    by_name = {one.metric.name: points(kind, one.metric.name, now) for one in kind.metrics}
    return {name: values for name, values in by_name.items() if values}


def nobody(_: str) -> bool:
    """Another process reports everything."""
    return False


def only(*names: str) -> "_Only":
    """Return a question that is true for these names."""
    return _Only(names)


class _Only:
    def __init__(self, names: Iterable[str]) -> None:
        self._names = frozenset(names)

    def __call__(self, name: str) -> bool:
        return name in self._names


def _key(attributes: Mapping[str, str | int]) -> str:
    return "/".join(str(attributes[name]) for name in sorted(attributes))
