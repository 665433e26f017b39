"""GPU metrics of the machine a Paddle program runs on.

Usage
-----

Nothing to do under ``opentelemetry-instrument``; its entry point is ``paddle_hardware``
(``OTEL_PYTHON_DISABLED_INSTRUMENTATIONS=paddle_hardware`` switches it off). By hand, before or after Paddle
is imported:

.. code:: python

    from paddle_otel.hardware_metrics import HardwareMetricsInstrumentor

    HardwareMetricsInstrumentor().instrument()  # or instrument(meter_provider=...)
    ...
    HardwareMetricsInstrumentor().uninstrument()

Nothing runs in a program that does not import Paddle: no thread, no driver call. From Paddle's import on, one
background thread reads the devices once per interval, and each collection of metrics shows the latest reading.

What is emitted
---------------

One series per NVIDIA GPU, identified by ``hw.id`` (the GPU's UUID), with ``hw.name``, ``hw.model``, ``hw.vendor`` and
``hw.driver_version``:

=============================  ===========================  ====  ==================================================
metric                         instrument                   unit  what
=============================  ===========================  ====  ==================================================
``hw.gpu.utilization``         observable gauge             1     share of the driver's last sample period with work
``hw.gpu.memory.usage``        observable up-down counter   By    memory in use
``hw.gpu.memory.limit``        observable up-down counter   By    memory in all
``hw.gpu.memory.utilization``  observable gauge             1     share of the memory in use
``hw.power``                   observable gauge             W     power now
``hw.energy``                  observable counter           J     energy since the driver was loaded
``hw.temperature``             observable gauge             Cel   temperature of the core
=============================  ===========================  ====  ==================================================

A value that the GPU or its driver does not give is absent, never 0. While a driver call hangs the series stop; they go
on when it returns. Nothing else in the process waits for it. Without an NVIDIA driver one line says so and there are
no series. Every process that imports Paddle reports the GPUs it sees; a forked child begins when its first metrics
are collected.

Configuration
-------------

``PADDLE_OTEL_SAMPLER_INTERVAL`` (seconds, 1 by default, at least 0.1) and ``PADDLE_OTEL_ENABLED`` (``false`` switches
this off).
"""

from collections.abc import Callable, Collection
from typing import Any

import wrapt
from opentelemetry.instrumentation.instrumentor import BaseInstrumentor

from paddle_otel.guard import guard
from paddle_otel.hardware.reporting import REPORTING
from paddle_otel.settings import Settings

__all__ = ["HardwareMetricsInstrumentor"]


class HardwareMetricsInstrumentor(BaseInstrumentor):
    """Starts and stops the hardware metrics; patches nothing. See the module's documentation."""

    # On the class, because BaseInstrumentor is a singleton whose __init__ runs again at every construction.
    _start: Callable[[], None] | None = None
    _waits_for_paddle: bool = False

    def instrumentation_dependencies(self) -> Collection[str]:
        """Return nothing: it waits for whichever Paddle the program imports."""
        return ()

    def _instrument(self, **kwargs: Any) -> None:
        with guard("setting up the hardware metrics"):
            settings = Settings.from_environment()
            if not settings.enabled:
                return
            self._start = lambda: REPORTING.start(kwargs.get("meter_provider"), settings.sampler_interval)
            if not self._waits_for_paddle:
                self._waits_for_paddle = True
                # Called at once where Paddle is imported already. Cannot be unregistered: the hook looks at what
                # _uninstrument cleared.
                wrapt.register_post_import_hook(self._on_paddle, "paddle")

    def _uninstrument(self, **_: Any) -> None:
        with guard("ending the hardware metrics"):
            self._start = None
            REPORTING.stop()

    def _on_paddle(self, _: object = None) -> None:
        # An exception here would come out of the program's own "import paddle".
        with guard("starting the hardware metrics"):
            self._waits_for_paddle = False
            if self._start is not None:
                self._start()
