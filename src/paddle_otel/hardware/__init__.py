"""The hardware: what can be read of it, and which metrics that becomes.

A new kind of device is one new module with a ``KIND`` (see :mod:`paddle_otel.hardware.kind`) and one line in
:mod:`paddle_otel.hardware.kinds`; nothing else changes.

- :mod:`paddle_otel.hardware.nvml`: NVIDIA GPUs.
- :mod:`paddle_otel.hardware.reporting`: samples all kinds and shows them as OpenTelemetry instruments.
"""
