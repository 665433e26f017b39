"""The hardware: what can be read of it, and which metrics that becomes.

A new kind of device is one new module with a ``KIND`` (see :mod:`paddle_otel.hardware.kind`) and one line in
:mod:`paddle_otel.hardware.kinds`; nothing else changes.

- :mod:`paddle_otel.hardware.nvml`: NVIDIA GPUs.
- :mod:`paddle_otel.hardware.host`, :mod:`~paddle_otel.hardware.container`, :mod:`~paddle_otel.hardware.process`,
  :mod:`~paddle_otel.hardware.pressure`: what the kernel tells.
- :mod:`paddle_otel.hardware.disks`: disks, as ``iostat`` shows them.
- :mod:`paddle_otel.hardware.smart`: the health of disks, by ``smartctl``.
- :mod:`paddle_otel.hardware.reporting`: samples all kinds and shows them as OpenTelemetry instruments and events.
- :mod:`paddle_otel.hardware.claims`: which of the processes of a host reports which device.
"""
