"""Watch GPUs and count tokens from a script or a notebook, without any configuration.

.. code:: python

    from paddle_otel.monitor import GPUMonitor, TokenCounter

    monitor = GPUMonitor(device_id=0, interval=1.0)
    monitor.start()
    ...
    monitor.stop()
    print(monitor.get_statistics())

    counter = TokenCounter(enable=True)
    tracked = counter.wrap_tokenizer(tokenizer)
    inputs = tracked(prompt, return_tensors="pd")
    counter.log_generated_tokens(n)
    print(counter.get_total_count())

The GPUs are read on the hardware metrics' own thread where those run, else by one like it. The statistics are split by
what Paddle did meanwhile: generations, predictions and training are noticed, :class:`activity` names the rest.
"""

from paddle_otel.monitor.activities import activity
from paddle_otel.monitor.gpu_monitor import GPUMonitor
from paddle_otel.monitor.statistics import ActivityStatistics, DeviceStatistics, GPUStatistics
from paddle_otel.monitor.summary import Summary
from paddle_otel.monitor.token_counter import TokenCounter
from paddle_otel.monitor.token_counter_scope import TokenScope
from paddle_otel.monitor.token_counter_statistics import TokenStatistics
from paddle_otel.monitor.token_counter_thresholds import Threshold, ThresholdCrossed

__all__ = [
    "ActivityStatistics",
    "DeviceStatistics",
    "GPUMonitor",
    "GPUStatistics",
    "Summary",
    "Threshold",
    "ThresholdCrossed",
    "TokenCounter",
    "TokenScope",
    "TokenStatistics",
    "activity",
]
