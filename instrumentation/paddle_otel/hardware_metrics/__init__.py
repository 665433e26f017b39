"""Metrics of the machine a Paddle program runs on: GPUs, host, container, disks, and Paddle's own allocator.

Usage
-----

Nothing to do under ``opentelemetry-instrument``; its entry point is ``paddle_hardware``
(``OTEL_PYTHON_DISABLED_INSTRUMENTATIONS=paddle_hardware`` switches it off). By hand, before or after Paddle
is imported:

.. code:: python

    from paddle_otel.hardware_metrics import HardwareMetricsInstrumentor

    HardwareMetricsInstrumentor().instrument()  # or instrument(meter_provider=..., logger_provider=...)
    ...
    HardwareMetricsInstrumentor().uninstrument()

Nothing runs in a program that does not import Paddle: no thread, no driver call. From Paddle's import on, one
background thread reads the devices once per interval, and each collection of metrics shows the latest reading. (The
health of disks, where it is asked for, is read on a thread of its own.)

What is emitted
---------------

============  ================================================================================  =======================
source        metrics                                                                           reported by
============  ================================================================================  =======================
NVIDIA GPUs   ``hw.gpu.*``, ``hw.power``, ``hw.energy``, ``hw.temperature``, ``hw.errors``,     one process per GPU
              ``hw.fan.speed_ratio``, ``hw.status`` and ``paddle.gpu.*``
the same      ``process.gpu.*``: what this process uses of each GPU                             every process
host          ``system.cpu.*``, ``system.memory.*``, ``system.paging.*``                        one process per host
container     its limits and use, where it has less than the machine                            one per container
pressure      ``paddle.pressure.*``: of the container, or else of the host                      one per container
process       ``process.*``                                                                     every process
disks         ``system.disk.*``, ``paddle.disk.*``; of whole disks                              one process per disk
S.M.A.R.T.    ``hw.physical_disk.*``, ``hw.status``, ``hw.errors``; only if switched on         one process per disk
allocator     ``paddle.memory.allocated``, ``.reserved``, ``.peak``: of the host's memory and   every process
              of each GPU that this process used (``paddle.device``)
sampler       ``paddle.sampler.*``: this plugin watching itself                                 every process
============  ================================================================================  =======================

Each metric with its unit, attributes and description: ``docs/telemetry.md``. Devices are named by what stays theirs
(``hw.id`` is a GPU's UUID), never by an index. An XID error of a GPU is also an event, ``paddle.gpu.xid``. Where a GPU
is measured, spans of operations on it say what they used: ``paddle.gpu.energy`` and others
(:mod:`paddle_otel.hardware.nvml.usage`). What the readings mean is told as events too:
``paddle.memory.pressure`` before a memory runs out, and ``paddle.bottleneck`` where tokens and GPU time do not fit
together (:mod:`paddle_otel.diagnosis`).

A value that a device, a driver or the kernel does not give is absent, never 0. Rates and shares cover the whole time
between two collections. While a driver call hangs, its series stop and all others go on; they come back when it
returns. Nothing in the program waits for a device but the thread that reads it.

Several processes
-----------------

Each device is reported by one of the processes of a host that see it, so that sums over processes are right. They
agree by locks on files (``PADDLE_OTEL_LOCK_DIRECTORY``); when the process that reports a device ends, another one takes
over at its next collection. Containers that see the same GPU need a lock folder in common. A forked child begins when
its first metrics are collected; where its parent had imported Paddle, it has no ``paddle.memory.*``, because asking
Paddle there could block it.

Configuration
-------------

``PADDLE_OTEL_ENABLED`` (``false`` switches this off), ``PADDLE_OTEL_SAMPLER_INTERVAL`` (seconds, 1 by default, at least
0.1), ``PADDLE_OTEL_GPUS``, ``PADDLE_OTEL_DISK_PATHS``, ``PADDLE_OTEL_SMART``, ``PADDLE_OTEL_SMART_INTERVAL`` and
``PADDLE_OTEL_LOCK_DIRECTORY``: see :class:`paddle_otel.settings.Settings`.
"""

from collections.abc import Callable, Collection
from functools import partial
from typing import Any

import wrapt
from opentelemetry._logs import LoggerProvider
from opentelemetry.instrumentation.instrumentor import BaseInstrumentor
from opentelemetry.metrics import MeterProvider

from paddle_otel.guard import guard
from paddle_otel.settings import Settings

__all__ = ["HardwareMetricsInstrumentor"]


class HardwareMetricsInstrumentor(BaseInstrumentor):
    """Starts and stops the hardware metrics; patches nothing. See the module's documentation."""

    # On the class, because BaseInstrumentor is a singleton whose __init__ runs again at every construction.
    _start: Callable[[], Callable[[], None]] | None = None
    _stop: Callable[[], None] | None = None
    _waits_for_paddle: bool = False

    def instrumentation_dependencies(self) -> Collection[str]:
        """Return nothing: it waits for whichever Paddle the program imports."""
        return ()

    def _instrument(self, **kwargs: Any) -> None:
        with guard("setting up the hardware metrics"):
            settings = Settings.from_environment()
            if not settings.enabled:
                return
            providers = {name: kwargs.get(name) for name in ("meter_provider", "logger_provider")}
            self._start = partial(_start, settings, **providers)
            if not self._waits_for_paddle:
                self._waits_for_paddle = True
                # Called at once where Paddle is imported already. Cannot be unregistered: the hook looks at what
                # _uninstrument cleared.
                wrapt.register_post_import_hook(self._on_paddle, "paddle")

    def _uninstrument(self, **_: Any) -> None:
        with guard("ending the hardware metrics"):
            self._start = None
            stop, self._stop = self._stop, None
            if stop is not None:
                stop()

    def _on_paddle(self, _: object = None) -> None:
        # An exception here would come out of the program's own "import paddle".
        with guard("starting the hardware metrics"):
            self._waits_for_paddle = False
            if self._start is not None:
                self._stop = self._start()


def _start(
    settings: Settings, meter_provider: MeterProvider | None, logger_provider: LoggerProvider | None
) -> Callable[[], None]:
    """Start the hardware metrics; return what stops them."""
    # Here and not above: it costs more than all else of this package, and only a program that imports Paddle needs it.
    from paddle_otel.hardware_metrics import running  # noqa: PLC0415 - see above

    running.start(settings, meter_provider, logger_provider)
    return running.stop
