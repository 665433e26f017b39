"""GPU metrics in a program that imports the real Paddle."""

from fake_nvml.fixtures import RunWithFakeDriver

PROGRAM = """
import sys, time
from fake_nvml.sink import Sink
from fake_nvml.sources import eventually, sampler_threads
from paddle_otel.hardware_metrics import HardwareMetricsInstrumentor

sink = Sink()
{before}
import paddle
{after}
assert len(sampler_threads()) == 1
assert eventually(lambda: sink.names().count("hw.gpu.memory.limit") == 2), sink.names()
assert (paddle.ones([2, 2]) @ paddle.ones([2, 2])).sum().item() == 8.0
HardwareMetricsInstrumentor().uninstrument()
assert sink.names() == []
assert sampler_threads() == []
"""

INSTRUMENT = "HardwareMetricsInstrumentor().instrument(meter_provider=sink.provider)"


def test_before_paddle_is_imported(run_with_fake_nvml: RunWithFakeDriver) -> None:
    """The import of Paddle starts it."""
    before = f"{INSTRUMENT}; assert sampler_threads() == [] and 'pynvml' not in sys.modules"
    result = run_with_fake_nvml(PROGRAM.format(before=before, after=""), count=2, real_paddle=True)
    assert result.returncode == 0, result.stderr


def test_after_paddle_was_imported(run_with_fake_nvml: RunWithFakeDriver) -> None:
    """It starts at once."""
    result = run_with_fake_nvml(PROGRAM.format(before="", after=INSTRUMENT), count=2, real_paddle=True)
    assert result.returncode == 0, result.stderr


def test_paddle_in_a_forked_child(run_with_fake_nvml: RunWithFakeDriver) -> None:
    """A worker that is forked before Paddle is imported starts its own."""
    program = f"""
import os, sys
from fake_nvml.sink import Sink
from fake_nvml.sources import eventually, sampler_threads
from paddle_otel.hardware_metrics import HardwareMetricsInstrumentor

sink = Sink()
{INSTRUMENT}
pid = os.fork()
if pid == 0:
    import paddle
    os._exit(0 if eventually(lambda: sink.names().count("hw.gpu.memory.limit") == 1) else 1)
assert os.waitpid(pid, 0)[1] == 0
assert sampler_threads() == []
assert "paddle" not in sys.modules
"""
    result = run_with_fake_nvml(program, real_paddle=True)
    assert result.returncode == 0, result.stderr
