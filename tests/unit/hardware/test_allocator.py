"""What is shown of Paddle's allocator, with a stand-in for Paddle; the real one is in ``tests/library``."""

import os
import sys
from collections.abc import Iterable
from importlib.machinery import ModuleSpec
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from fake_nvml.samples import gpu, snapshot
from paddle_otel.hardware.kind import DeviceKind, Window
from paddle_otel.hardware_metrics.allocator import AllocatorReading, allocator_kind
from paddle_otel.sampling.snapshot import Snapshot
from paddle_otel.settings import Settings

Readings = tuple[AllocatorReading, ...]


class Core:
    """Paddle's ``paddle.base.core``: counters by device, and what was asked.

    Args:
        build: ``cuda``, ``xpu`` or ``cpu``.
    """

    def __init__(self, build: str = "cuda") -> None:
        self.build = build
        self.current: dict[tuple[str, int], int] = {}
        self.peak: dict[tuple[str, int], int] = {}
        self.calls = 0

    def use(self, number: int, allocated: int, reserved: int, peak: int) -> None:
        """Set the counters of a device."""
        self.current |= {("Allocated", number): allocated, ("Reserved", number): reserved}
        self.peak |= {("Allocated", number): peak, ("Reserved", number): reserved}

    def is_compiled_with_cuda(self) -> bool:
        """Tell the build."""
        return self.build == "cuda"

    def is_compiled_with_xpu(self) -> bool:
        """Tell the build."""
        return self.build == "xpu"

    def host_memory_stat_current_value(self, what: str, number: int) -> int:
        """Answer for the host."""
        return {("Allocated", 0): 100, ("Reserved", 0): 200}[what, number]

    def host_memory_stat_peak_value(self, what: str, number: int) -> int:
        """Answer for the host."""
        return {("Allocated", 0): 300, ("Reserved", 0): 400}[what, number]

    def device_memory_stat_current_value(self, what: str, number: int) -> int:
        """Answer for a device."""
        return self._device(self.current, what, number)

    def device_memory_stat_peak_value(self, what: str, number: int) -> int:
        """Answer for a device."""
        return self._device(self.peak, what, number)

    def _device(self, values: dict[tuple[str, int], int], what: str, number: int) -> int:
        self.calls += 1
        if not 0 <= number < 16:
            raise ValueError("(InvalidArgument) The STAT type has not been registered.")
        return values.get((what, number), 0)


HOST = AllocatorReading("cpu", allocated=100, reserved=200, peak=300)


def imported(monkeypatch: pytest.MonkeyPatch, core: Any, *, to_its_end: bool = True) -> None:
    """Let a stand-in for Paddle be imported."""
    paddle, base = ModuleType("paddle"), ModuleType("paddle.base")
    spec: Any = ModuleSpec("paddle", None)
    spec._initializing = not to_its_end  # noqa: SLF001 - what Python's own import sets while it is under way
    paddle.__spec__ = spec
    base.__dict__["core"] = core
    paddle.__dict__["base"] = base
    monkeypatch.setitem(sys.modules, "paddle", paddle)


def kind(latest: Snapshot | None = None) -> DeviceKind[Readings]:
    """Return the allocator as a kind of device."""
    return allocator_kind(lambda: latest)


def read(the_kind: DeviceKind[Readings]) -> Readings | None:
    """Read it with a new source."""
    return the_kind.source(Settings()).read()


def points(the_kind: DeviceKind[Readings], readings: Readings) -> dict[str, list[Any]]:
    """Return the points of each metric."""
    window = Window(readings, None, 0.0, lambda: (readings,))
    return {shown.metric.name: list(shown.points(window)) for shown in the_kind.metrics}


def test_without_paddle(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is known, and nothing is imported to know it."""
    monkeypatch.delitem(sys.modules, "paddle", raising=False)
    assert read(kind()) is None
    assert "paddle" not in sys.modules


def halves() -> Iterable[Any]:
    """Give modules that are not what they are called."""
    empty = ModuleType("paddle")
    without_core = ModuleType("paddle")
    without_core.__dict__["base"] = ModuleType("paddle.base")
    without_base = ModuleType("paddle")
    without_base.__dict__["base"] = None
    return [empty, without_core, without_base, None, object(), 0]


@pytest.mark.parametrize("paddle", halves())
def test_another_module_of_that_name(monkeypatch: pytest.MonkeyPatch, paddle: Any) -> None:
    """A user's own ``paddle.py``, or one that failed half-way, is left alone."""
    monkeypatch.setitem(sys.modules, "paddle", paddle)
    assert read(kind()) is None


def test_older_paddle(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without these counters there is nothing to say."""
    core = Core()
    older = SimpleNamespace(
        is_compiled_with_cuda=core.is_compiled_with_cuda,
        device_memory_stat_current_value=core.device_memory_stat_current_value,
        device_memory_stat_peak_value=core.device_memory_stat_peak_value,
    )
    imported(monkeypatch, older)
    assert read(kind()) is None


def test_import_that_is_under_way(monkeypatch: pytest.MonkeyPatch) -> None:
    """Paddle is let alone until its import is done; then the same source reads it."""
    core = Core()
    source = kind().source(Settings())
    imported(monkeypatch, core, to_its_end=False)
    assert source.read() is None
    assert core.calls == 0
    imported(monkeypatch, core)
    assert source.read() == (HOST,)


def test_import_that_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Python takes the module away again."""
    source = kind().source(Settings())
    imported(monkeypatch, Core(), to_its_end=False)
    assert source.read() is None
    monkeypatch.delitem(sys.modules, "paddle")
    assert source.read() is None


def test_cpu_build(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the host is asked."""
    core = Core("cpu")
    core.use(0, 1, 2, 3)
    imported(monkeypatch, core)
    assert read(kind()) == (HOST,)
    assert core.calls == 0


@pytest.mark.parametrize(("build", "name"), [("cuda", "gpu"), ("xpu", "xpu")])
def test_devices_in_use(monkeypatch: pytest.MonkeyPatch, build: str, name: str) -> None:
    """Those that this process never used are absent, whatever their number."""
    core = Core(build)
    core.use(1, 10, 20, 30)
    core.use(15, 11, 21, 31)
    imported(monkeypatch, core)
    assert read(kind()) == (
        HOST,
        AllocatorReading(f"{name}:1", allocated=10, reserved=20, peak=30),
        AllocatorReading(f"{name}:15", allocated=11, reserved=21, peak=31),
    )


def test_device_that_is_no_longer_in_use(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its series goes to zero, also when the program resets the peaks, and does not end."""
    core = Core()
    imported(monkeypatch, core)
    source = kind().source(Settings())
    assert source.read() == (HOST,)
    core.use(0, 10, 20, 30)
    assert source.read() == (HOST, AllocatorReading("gpu:0", 10, 20, 30))
    core.use(0, 0, 0, 0)
    assert source.read() == (HOST, AllocatorReading("gpu:0", 0, 0, 0))
    source.close()
    assert source.read() == (HOST, AllocatorReading("gpu:0", 0, 0, 0))


def test_points() -> None:
    """Exact names, values and attributes."""
    found = points(kind(), (HOST, AllocatorReading("gpu:0", 10, 20, 30)))
    assert found == {
        "paddle.memory.allocated": [(100, {"paddle.device": "cpu"}), (10, {"paddle.device": "gpu:0"})],
        "paddle.memory.reserved": [(200, {"paddle.device": "cpu"}), (20, {"paddle.device": "gpu:0"})],
        "paddle.memory.peak": [(300, {"paddle.device": "cpu"}), (30, {"paddle.device": "gpu:0"})],
    }


def test_every_process_reports_its_own() -> None:
    """None of it belongs to a device that another process reports."""
    assert [shown.of_process for shown in kind().metrics] == [True, True, True]


def test_identity_of_the_gpu() -> None:
    """``hw.id`` where the GPU of that ordinal is known; it stays while the driver is silent."""
    seen: list[Snapshot | None] = [snapshot(1.0, gpu(ordinal=0, uuid="GPU-zero"), gpu(ordinal=1, uuid="GPU-one"))]
    the_kind = allocator_kind(lambda: seen[-1])
    readings = tuple(AllocatorReading(device, 1, 2, 3) for device in ("cpu", "gpu:1", "gpu:2", "xpu:0"))
    expected = [
        (1, {"paddle.device": "cpu"}),
        (1, {"paddle.device": "gpu:1", "hw.id": "GPU-one"}),
        (1, {"paddle.device": "gpu:2"}),
        (1, {"paddle.device": "xpu:0"}),
    ]
    assert points(the_kind, readings)["paddle.memory.allocated"] == expected
    for silence in (None, snapshot(2.0), snapshot(3.0, gpu(ordinal=None, uuid="GPU-one"))):
        seen.append(silence)
        assert points(the_kind, readings)["paddle.memory.allocated"] == expected


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_forked_child_asks_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Paddle's lock may be held for ever there: neither the fork nor a sample calls anything of Paddle's."""
    core = Core()
    core.use(0, 10, 20, 30)
    imported(monkeypatch, core)
    the_kind = kind()
    source = the_kind.source(Settings())
    assert source.read() is not None
    calls = core.calls
    pid = os.fork()
    if pid == 0:
        result = 1
        try:
            nothing = source.read() is None and the_kind.source(Settings()).read() is None
            result = 0 if nothing and core.calls == calls else 1
        finally:
            os._exit(result)
    assert os.waitpid(pid, 0)[1] == 0
    assert source.read() == (HOST, AllocatorReading("gpu:0", 10, 20, 30))


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_forked_child_that_imports_paddle_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    """As each worker of a server does that forks before it loads the application."""
    monkeypatch.delitem(sys.modules, "paddle", raising=False)
    the_kind = kind()
    pid = os.fork()
    if pid == 0:
        result = 1
        try:
            imported(monkeypatch, Core())
            result = 0 if read(the_kind) == (HOST,) else 1
        finally:
            os._exit(result)
    assert os.waitpid(pid, 0)[1] == 0
