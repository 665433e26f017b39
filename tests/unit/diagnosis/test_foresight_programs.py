"""Programs whose GPUs run full: the event is there before the memory ends, and never while its use is steady.

The driver is the fake one, in programs of their own; everything above it runs as it does for users.
"""

import pytest

from fake_nvml.fixtures import RunWithFakeDriver

PROGRAM = """
import collections, os, sys, time
from pathlib import Path
os.environ["PADDLE_OTEL_SAMPLER_INTERVAL"] = "0.1"
from fake_nvml.driver import GIB, SONAME, FakeDriver, uuid
from fake_nvml.sources import eventually
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter, SimpleLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from paddle_otel.diagnosis.running import DIAGNOSIS
from paddle_otel.hardware.reporting import SAMPLER
from paddle_otel.hardware_metrics import HardwareMetricsInstrumentor

driver = FakeDriver(Path(os.environ["LD_LIBRARY_PATH"]) / SONAME)
exporter = InMemoryLogRecordExporter()
logs = LoggerProvider()
logs.add_log_record_processor(SimpleLogRecordProcessor(exporter))
instrumentor = HardwareMetricsInstrumentor()
instrumentor.instrument(meter_provider=MeterProvider(), logger_provider=logs)
import paddle


def events():
    found = [one.log_record for one in exporter.get_finished_logs()]
    # This machine's own memory is not this test's.
    return [one for one in found if one.attributes.get("paddle.memory.pressure.scope") == "gpu"]


def set_shares(shares):
    for device, share in enumerate(shares):
        driver.set(device, used=int(share * driver.get(device, "total")))


waiting = collections.deque()


def play(_):
    # On the sampler's thread: exactly one sample sees each value, however busy the machine is.
    if waiting:
        set_shares(waiting.popleft())


def fill(rows):
    # Let each sample see the next row: a share of the memory in use for each GPU.
    waiting.extend(list(rows))
    assert eventually(lambda: not waiting, 60.0)
    done = SAMPLER.latest().started
    assert eventually(lambda: SAMPLER.latest().started > done + 300_000_000)


SAMPLER.subscribe(play)
assert eventually(lambda: SAMPLER.latest() is not None)
"""

TELLS = """
told = []
DIAGNOSIS.subscribe(lambda found: told.append(found.attributes.get("paddle.memory.pressure.scope")))
fill([(0.1 + 0.03 * number,) for number in range(28)])
assert eventually(lambda: "gpu" in told)
print(len(events()), told.count("gpu"), flush=True)
sys.stdin.read()  # holds what it claimed until the other one is through
"""


@pytest.mark.parametrize(("start", "step"), [(0.1, 0.2), (0.1, 0.1), (0.3, 0.03), (0.6, 0.01)])
def test_event_before_the_memory_ends(run_with_fake_nvml: RunWithFakeDriver, start: float, step: float) -> None:
    """At several rates; one of three GPUs leaks, one is full and steady, one comes and goes."""
    result = run_with_fake_nvml(
        PROGRAM
        + f"""
steps = int((1.0 - {start}) / {step} + 0.001) + 1
fill((min({start} + {step} * number, 0.9999), 0.95, 0.3 + 0.1 * (number % 4)) for number in range(steps))
(event,) = events()
assert event.event_name == "paddle.memory.pressure"
assert event.severity_text == "WARN"
assert event.attributes["hw.id"] == uuid(0)
assert event.attributes["paddle.device"] == "gpu:0"
assert event.attributes["paddle.memory.limit"] == driver.get(0, "total")
assert event.attributes["paddle.memory.used"] < driver.get(0, "total")
fill([(0.9999, 0.95, 0.3)] * 10)
assert len(events()) == 1
""",
        count=3,
    )
    assert result.returncode == 0, result.stderr


def test_steady_loads(run_with_fake_nvml: RunWithFakeDriver) -> None:
    """Full from the start, reserved at once later, a start that levels off, and a saw: nothing."""
    result = run_with_fake_nvml(
        PROGRAM
        + """
fill(
    (0.98, 0.1 if number < 10 else 0.95, min(0.1 + 0.06 * number, 0.7), 0.3 + 0.05 * (number % 8))
    for number in range(60)
)
assert events() == []
""",
        count=4,
    )
    assert result.returncode == 0, result.stderr


def test_two_processes_tell_it_once(run_with_fake_nvml: RunWithFakeDriver) -> None:
    """Each sees the same GPU; subscribers are told in both."""
    result = run_with_fake_nvml(
        f"PROGRAM = {PROGRAM + TELLS!r}"
        """
import subprocess, sys
children = [
    subprocess.Popen([sys.executable, "-c", PROGRAM], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    for _ in range(2)
]
said = sorted(child.stdout.readline().split() for child in children)
for child in children:
    child.stdin.close()
assert [child.wait() for child in children] == [0, 0]
assert said == [["0", "1"], ["1", "1"]], said
"""
    )
    assert result.returncode == 0, result.stderr


def test_switched_off_and_on(run_with_fake_nvml: RunWithFakeDriver) -> None:
    """Nothing is told while it is off, and what came before is not continued."""
    result = run_with_fake_nvml(
        PROGRAM
        + """
fill([(0.1 + 0.05 * number,) for number in range(14)])
instrumentor.uninstrument()
instrumentor.instrument(meter_provider=MeterProvider(), logger_provider=logs)
assert eventually(lambda: SAMPLER.latest() is not None)
fill([(0.85,), (0.90,)])
assert events() == []
fill([(0.94,), (0.98,)])
assert len(events()) == 1
"""
    )
    assert result.returncode == 0, result.stderr


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")
def test_forked_worker(run_with_fake_nvml: RunWithFakeDriver) -> None:
    """It looks for itself, once it samples."""
    result = run_with_fake_nvml(
        PROGRAM
        + """
fill([(0.1 + 0.05 * number,) for number in range(14)])
child = os.fork()
if child == 0:
    status = 1
    try:
        assert eventually(lambda: SAMPLER.latest() is not None)
        fill([(0.85,), (0.90,)])
        assert events() == []
        fill([(0.94,), (0.98,)])
        status = 0 if len(events()) == 1 else 2
    finally:
        os._exit(status)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
"""
    )
    assert result.returncode == 0, result.stderr


def test_requests_that_do_not_fit(run_with_fake_nvml: RunWithFakeDriver) -> None:
    """A generation in flight says how large its cache may become; the GPU has less; while it is switched on."""
    result = run_with_fake_nvml(
        PROGRAM.replace("MeterProvider()", "recorder.meter_provider").replace(
            "driver = ", "from recording import Recorder; recorder = Recorder(); driver = ", 1
        )
        + """
from observed import Generations, telemetry_on
from paddle_otel.diagnosis.work import WORK
from paddle_otel.operations.generation_facts import GenerationResponse
generations = Generations(telemetry_on(recorder))


def start(tokens):
    return generations.start(
        attributes={"paddle.device": "gpu:0"}, cache_bytes_per_token=GIB, prompt_columns=1, max_new_tokens=tokens
    )


free = (driver.get(0, "total") - driver.get(0, "used")) // GIB
fits = start(free - 1)
fill([(driver.get(0, "used") / driver.get(0, "total"),)] * 5)
assert events() == []
too_much = start(free)
assert eventually(events)
(event,) = events()
assert event.attributes["paddle.memory.pressure.cause"] == "predicted_peak"
assert event.attributes["paddle.memory.predicted"] > event.attributes["paddle.memory.limit"]
for generation in (fits, too_much):
    generation.finish(GenerationResponse)
instrumentor.uninstrument()
assert WORK.output_tokens() is None
"""
    )
    assert result.returncode == 0, result.stderr
