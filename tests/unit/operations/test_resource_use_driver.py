"""What generations say they used of eight GPUs, read through NVML from the fake driver, in a program of its own."""

from fake_nvml.fixtures import RunWithFakeDriver

PROGRAM = """
import os, threading, time
from pathlib import Path
os.environ["PADDLE_OTEL_SAMPLER_INTERVAL"] = "0.1"
from fake_nvml.driver import SONAME, FakeDriver, uuid
from fake_nvml.sources import eventually
from observed import Generations, telemetry_on
from paddle_otel.hardware.reporting import SAMPLER
from paddle_otel.hardware_metrics import HardwareMetricsInstrumentor
from paddle_otel.operations.generation_facts import GenerationResponse
from recording import Recorder

driver = FakeDriver(Path(os.environ["LD_LIBRARY_PATH"]) / SONAME)
recorder = Recorder()
generations = Generations(telemetry_on(recorder))
instrumentor = HardwareMetricsInstrumentor()
instrumentor.instrument(meter_provider=recorder.meter_provider)
import paddle


def after_samples(count):
    began = time.monotonic_ns()
    assert eventually(lambda: len(SAMPLER.between(began, time.monotonic_ns())) >= count)


def start(device, model="a"):
    return generations.start(model=model, attributes={"paddle.device": device})


def used(model="a"):
    prefix, attributes = "paddle.gpu.", recorder.spans("chat " + model)[-1].attributes
    return {key.removeprefix(prefix): value for key, value in attributes.items() if key.startswith(prefix)}


assert eventually(lambda: SAMPLER.latest() is not None)
"""


def test_its_own_gpu_of_eight(run_with_fake_nvml: RunWithFakeDriver) -> None:
    """Identity, utilisation, memory and energy are those of the GPU whose CUDA ordinal the device has."""
    result = run_with_fake_nvml(
        PROGRAM
        + """
generation = start("gpu:3")
after_samples(2)
driver.set(3, utilization=80, used=5 << 30, energy=4_000_000 + 70_000)
driver.set(4, utilization=10, used=7 << 30, energy=9_000_000)
after_samples(2)
driver.set(3, used=3 << 30)
after_samples(2)
generation.finish(GenerationResponse)
found = used()
assert found.pop("ids") == (uuid(3),)
assert found.pop("energy") == 70.0
assert found.pop("energy.method") == "exclusive"
assert found.pop("memory.peak") == 13 << 30
assert 0.53 < found.pop("utilization.mean") < 0.8
sampled = found.pop("sampled_duration")
assert 0.3 < sampled < 10
assert 0.5 * sampled < found.pop("time") <= 0.8 * sampled
assert found == {}
""",
        count=8,
        values="*.own_memory=1073741824",
    )
    assert result.returncode == 0, result.stderr


def test_sum_over_generations_is_the_counter_s(run_with_fake_nvml: RunWithFakeDriver) -> None:
    """Forty generations in four threads on two GPUs while the counters run, one of them beginning anew."""
    result = run_with_fake_nvml(
        PROGRAM
        + """
growth = {0: 0, 1: 0}
finished = threading.Event()

def run_counters():
    for step in range(1, 10_000):
        if finished.wait(0.02):
            return
        for device in growth:
            joules = 7 * (device + 1)
            if step == 30 and device == 1:
                driver.set(1, energy=0)
            else:
                driver.add(device, energy=joules * 1000)
                growth[device] += joules

def serve(number):
    for _ in range(10):
        generation = start(f"gpu:{number % 2}", model=str(number))
        time.sleep(0.05 + 0.07 * number)
        generation.finish(GenerationResponse)

after_samples(1)
counters = threading.Thread(target=run_counters)
counters.start()
threads = [threading.Thread(target=serve, args=(number,)) for number in range(4)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
finished.set()
counters.join()
for device in growth:
    spans = [span for number in (device, device + 2) for span in recorder.spans(f"chat {number}")]
    assert len(spans) == 20
    energies = [span.attributes.get("paddle.gpu.energy", 0.0) for span in spans]
    assert 0 < sum(energies) <= growth[device], (sum(energies), growth[device])
    methods = {span.attributes.get("paddle.gpu.energy.method") for span in spans}
    assert "shared_split" in methods, methods
""",
        count=8,
        values="*.own_memory=1073741824",
    )
    assert result.returncode == 0, result.stderr


def test_another_process_on_the_gpu(run_with_fake_nvml: RunWithFakeDriver) -> None:
    """No energy; what the GPU as a whole did is said all the same."""
    result = run_with_fake_nvml(
        PROGRAM
        + """
from fake_nvml.records import Process
driver.set_processes(0, [Process(pid=1, memory=1 << 30)])
driver.set(0, own_memory=1 << 30)
instrumentor.uninstrument()
instrumentor.instrument(meter_provider=recorder.meter_provider)
assert eventually(lambda: SAMPLER.latest() is not None)
generation = start("gpu:0")
after_samples(2)
driver.add(0, energy=100_000)
after_samples(2)
generation.finish(GenerationResponse)
assert used() == {"ids": (uuid(0),), "utilization.mean": 0.5, "memory.peak": 10 << 30}, used()
""",
        count=2,
    )
    assert result.returncode == 0, result.stderr


def test_mig(run_with_fake_nvml: RunWithFakeDriver) -> None:
    """No energy, which MIG cannot tell; the memory is the instance's."""
    result = run_with_fake_nvml(
        PROGRAM
        + """
generation = start("gpu:0")
after_samples(2)
driver.add(0, energy=100_000)
after_samples(2)
generation.finish(GenerationResponse)
found = used()
assert not [key for key in found if key.startswith(("energy", "sampled"))], found
assert all(one.startswith("MIG-") for one in found.get("ids", ())), found
""",
        count=1,
        values="0.mig=1g.10gb+2g.20gb;*.own_memory=1073741824",
    )
    assert result.returncode == 0, result.stderr


def test_lost_device(run_with_fake_nvml: RunWithFakeDriver) -> None:
    """A GPU that falls off the bus under a generation takes no energy with it, and nothing else."""
    result = run_with_fake_nvml(
        PROGRAM
        + """
generation, other = start("gpu:0"), start("gpu:1", model="b")
after_samples(2)
driver.set(0, lost=15)
driver.add(1, energy=100_000)
after_samples(3)
generation.finish(GenerationResponse)
other.finish(GenerationResponse)
assert used()["ids"] == (uuid(0),)
assert used("b")["energy"] == 100.0
assert used("b")["energy.method"] == "exclusive"
""",
        count=2,
        values="*.own_memory=1073741824",
    )
    assert result.returncode == 0, result.stderr


def test_hanging_driver(run_with_fake_nvml: RunWithFakeDriver) -> None:
    """Generations go on as if it did not hang, and say what was known before."""
    result = run_with_fake_nvml(
        PROGRAM
        + """
from fake_nvml.driver import HANG
generation = start("gpu:0")
after_samples(2)
driver.add(0, energy=100_000)
after_samples(2)
driver.inject("nvmlDeviceGetUtilizationRates", HANG)
assert eventually(lambda: driver.hanging)
began = time.monotonic()
start("gpu:0", model="b").finish(GenerationResponse)
generation.finish(GenerationResponse)
assert time.monotonic() - began < 30  # the driver hangs until it is healed
assert used()["energy"] == 100.0
assert used("b") == {"ids": (uuid(0),)}
driver.heal()
""",
        values="*.own_memory=1073741824",
    )
    assert result.returncode == 0, result.stderr
