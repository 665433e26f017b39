"""The instrumentor, in programs of its own: what runs when, with an empty module in Paddle's place."""

from collections.abc import Callable

import pytest

from fake_nvml.fixtures import RunWithFakeDriver

START = """
import logging, os, sys, threading, time
from opentelemetry import metrics
from fake_nvml.sink import Sink
from fake_nvml.sources import eventually, sampler_threads
from paddle_otel.hardware_metrics import HardwareMetricsInstrumentor

logging.basicConfig(format="%(levelname)s %(message)s")
sink = Sink()
instrumentor = HardwareMetricsInstrumentor()

def instrument():
    instrumentor.instrument(meter_provider=sink.provider)

def gpus():
    return sink.names().count("hw.gpu.memory.limit")
"""


Run = Callable[..., str]


@pytest.fixture
def run(run_with_fake_nvml: RunWithFakeDriver) -> Run:
    """Run a program to its end; nothing may be printed on standard error, nothing may fail."""

    def run(code: str, **options: object) -> str:
        result = run_with_fake_nvml(START + code, **options)
        assert result.stderr == ""
        assert result.returncode == 0
        return result.stdout

    return run


def test_program_without_paddle_pays_nothing(run: Run) -> None:
    """No thread, no binding imported, nothing that reads hardware imported, no series."""
    run("""
instrument()
time.sleep(0.1)
assert threading.active_count() == 1
assert "pynvml" not in sys.modules
assert not [name for name in sys.modules if name.startswith(("paddle_otel.hardware.", "paddle_otel.sampling"))]
assert "paddle" not in sys.modules
assert sink.names() == []
instrumentor.uninstrument()
""")


def test_before_paddle_is_imported(run: Run) -> None:
    """The series come with the import."""
    run("""
instrument()
assert sampler_threads() == []
import paddle
assert len(sampler_threads()) == 1
assert eventually(lambda: gpus() == 1)
""")


def test_after_paddle_was_imported(run: Run) -> None:
    """The series come at once."""
    run("""
import paddle
instrument()
assert len(sampler_threads()) == 1
assert eventually(lambda: gpus() == 1)
""")


def test_uninstrument_before_paddle_is_imported(run: Run) -> None:
    """The import starts nothing any more, and can start it after the next instrument()."""
    run("""
instrument()
instrumentor.uninstrument()
import paddle
assert sampler_threads() == []
instrument()
assert eventually(lambda: gpus() == 1)
""")


def test_instrument_and_uninstrument_any_number_of_times(run: Run) -> None:
    """Also with a constructor call each time, which gives the same object."""
    run("""
instrument()
instrumentor.uninstrument()
instrument()
import paddle
for _ in range(4):
    assert eventually(lambda: gpus() == 1)
    HardwareMetricsInstrumentor().uninstrument()
    assert sampler_threads() == []
    assert sink.names() == []
    HardwareMetricsInstrumentor().instrument(meter_provider=sink.provider)
    assert len(sampler_threads()) == 1
""")


def test_global_provider_that_is_set_later(run: Run) -> None:
    """Without a provider given the global one is used, whether it was set before or after."""
    run("""
instrumentor.instrument()
import paddle
metrics.set_meter_provider(sink.provider)
assert eventually(lambda: gpus() == 1)
instrumentor.uninstrument()
assert sink.names() == []
instrumentor.instrument(meter_provider=sink.provider)
assert eventually(lambda: gpus() == 1)
""")


def test_all_kinds(run: Run) -> None:
    """Host, disks, pressure and process besides the GPU; of the allocator nothing while that Paddle is an empty one."""
    run("""
instrument()
import paddle
assert eventually(lambda: gpus() == 1)
names = sink.names()
for name in ("hw.energy", "process.memory.usage", "system.memory.usage", "system.cpu.utilization"):
    assert eventually(lambda: name in sink.names()), name
assert not [name for name in names if name.startswith("paddle.memory.")]
""")


def test_the_allocator_of_a_paddle_that_has_one(run: Run) -> None:
    """Its series stand beside the others, and are gone when the instrumentor is switched off."""
    run("""
from types import ModuleType, SimpleNamespace
import paddle
def counter(what, number):
    return 7
paddle.base = ModuleType("paddle.base")
paddle.base.core = SimpleNamespace(
    host_memory_stat_current_value=counter,
    host_memory_stat_peak_value=counter,
    device_memory_stat_current_value=counter,
    device_memory_stat_peak_value=counter,
    is_compiled_with_cuda=lambda: False,
    is_compiled_with_xpu=lambda: False,
)
instrument()
for name in ("allocated", "reserved", "peak"):
    assert eventually(lambda: sink.names().count("paddle.memory." + name) == 1), name
instrumentor.uninstrument()
assert sink.names() == []
""")


def test_providers_and_interval_are_passed_on(run: Run) -> None:
    """Metrics and events each go where the caller wants them."""
    run("""
from opentelemetry._logs import NoOpLoggerProvider
from paddle_otel.hardware.reporting import REPORTING
seen = []
REPORTING.start = lambda *args: seen.append(args)
logs = NoOpLoggerProvider()
instrumentor.instrument(meter_provider=sink.provider, logger_provider=logs)
import paddle
instrumentor.uninstrument()
instrumentor.instrument()
assert seen == [(sink.provider, 1.0, logs), (None, 1.0, None)], seen
""")


def test_operations_are_told_what_they_use_while_it_is_on(run: Run) -> None:
    """From Paddle's import on, until it is switched off, and again."""
    run("""
from paddle_otel.operations.resource_use import RESOURCE_USE
instrument()
assert RESOURCE_USE.begin("gpu:0") is None
import paddle
for _ in range(2):
    use = RESOURCE_USE.begin("gpu:0")
    assert use is not None
    assert RESOURCE_USE.begin("cpu") is None
    instrumentor.uninstrument()
    assert RESOURCE_USE.begin("gpu:0") is None
    use.end()
    instrument()
""")


def test_switched_off_by_the_setting(run: Run) -> None:
    """``PADDLE_OTEL_ENABLED=false``: nothing runs."""
    run("""
os.environ["PADDLE_OTEL_ENABLED"] = "false"
instrument()
import paddle
assert sampler_threads() == []
instrumentor.uninstrument()
""")


def test_interval_from_the_setting(run: Run) -> None:
    """``PADDLE_OTEL_SAMPLER_INTERVAL``, in seconds."""
    run("""
os.environ["PADDLE_OTEL_SAMPLER_INTERVAL"] = "0.1"
from paddle_otel.hardware.reporting import SAMPLER
instrument()
import paddle
time.sleep(1.5)
snapshots = SAMPLER.between(0, time.monotonic_ns())
assert 8 <= len(snapshots) <= 16, len(snapshots)
""")


@pytest.mark.parametrize(
    "rules",
    [
        "nvmlInitWithFlags@*=9",
        "nvmlInitWithFlags@*=hang",
        "nvmlDeviceGetCount_v2@*=hang",
        "nvmlDeviceGetFieldValues@*=hang",
        "nvmlDeviceGetUtilizationRates@*=15",
    ],
)
def test_import_of_paddle_does_not_wait_for_the_driver(run_with_fake_nvml: RunWithFakeDriver, rules: str) -> None:
    """Whatever the driver does: the import returns, the other metrics go on, the exit is clean and prompt."""
    result = run_with_fake_nvml(
        START
        + """
instrument()
before = time.monotonic()
import paddle
assert time.monotonic() - before < 20  # a driver that hangs does so for ever
counter = sink.provider.get_meter("application").create_counter("requests")
counter.add(1)
time.sleep(0.3)
names = sink.names()
assert "requests" in names
assert not [name for name in names if name.startswith("hw.gpu.")], names
print("end", time.monotonic())
import atexit
atexit._run_exitfuncs()
print("end", time.monotonic())
""",
        rules=rules,
    )
    assert result.returncode == 0, result.stderr
    assert "Traceback" not in result.stderr
    before, after = (float(line.split()[1]) for line in result.stdout.splitlines())
    assert after - before < 0.5


def test_one_failing_device_of_eight(run: Run) -> None:
    """The other seven report."""
    run(
        """
logging.disable()
instrument()
import paddle
assert eventually(lambda: gpus() == 7)
""",
        count=8,
        rules="nvmlDeviceGetUtilizationRates@5=15",
    )


def test_forked_child_reports(run: Run) -> None:
    """From its first collection on it has its own thread and driver, and takes the devices when the parent goes."""
    run("""
import warnings
warnings.simplefilter("ignore", DeprecationWarning)  # Python 3.12 warns of every fork of a program with threads
instrument()
import paddle
assert eventually(sink.names)
assert "hw.power" in sink.names()
may_report, parent_is_done = os.pipe()
pid = os.fork()
if pid == 0:
    ok = sampler_threads() == [] and "hw.power" not in sink.names() and len(sampler_threads()) == 1
    time.sleep(0.3)
    ok = ok and "hw.power" not in sink.names()
    os.read(may_report, 1)
    ok = ok and eventually(lambda: "hw.power" in sink.names())
    instrumentor.uninstrument()
    os._exit(0 if ok and sampler_threads() == [] and sink.names() == [] else 1)
time.sleep(0.5)
assert "hw.power" in sink.names()
instrumentor.uninstrument()
os.write(parent_is_done, b"x")
assert os.waitpid(pid, 0)[1] == 0
""")


def test_last_collection_at_exit_has_the_series(run: Run) -> None:
    """A program that ends before its first export interval still reports its GPUs."""
    out = run("""
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import ConsoleMetricExporter, PeriodicExportingMetricReader
provider = MeterProvider([PeriodicExportingMetricReader(ConsoleMetricExporter(), export_interval_millis=3_600_000)])
instrumentor.instrument(meter_provider=provider)
import paddle
time.sleep(0.5)
""")
    assert "hw.gpu.utilization" in out


def test_a_bug_of_ours_does_not_break_the_import(run_with_fake_nvml: RunWithFakeDriver) -> None:
    """It is logged once; the program's import statement succeeds."""
    result = run_with_fake_nvml(
        START
        + """
from paddle_otel.hardware_metrics import running
def broken(*_):
    raise ZeroDivisionError
running.start = broken
instrument()
import paddle
instrumentor.uninstrument()
instrument()
"""
    )
    assert result.returncode == 0, result.stderr
    assert result.stderr.count("WARNING Telemetry failed while starting the hardware metrics") == 1
