"""Every span, metric and attribute name this project emits, with units, buckets and descriptions; held nowhere else.

- :mod:`paddle_otel.conventions.attributes`: attribute keys and their well-known values.
- :mod:`paddle_otel.conventions.metrics`: one :class:`~paddle_otel.conventions.metric.Metric` per instrument.
- :mod:`paddle_otel.conventions.hardware`: the same for what devices of several kinds have; of one kind:
  :mod:`~paddle_otel.conventions.gpu`, :mod:`~paddle_otel.conventions.host`, :mod:`~paddle_otel.conventions.disk`,
  :mod:`~paddle_otel.conventions.allocator`.
- :mod:`paddle_otel.conventions.sampler`: metrics of the plugin itself.
- :mod:`paddle_otel.conventions.spans`, :mod:`paddle_otel.conventions.events`: names of spans and events.

Names come from the OpenTelemetry semantic conventions where one exists (GenAI: as published up to v1.41 and emitted by
``opentelemetry-util-genai`` 1.3b0; hardware and system: v1.44). Own names start with ``paddle.``.
"""

from typing import Final

SCHEMA_URL: Final = "https://opentelemetry.io/schemas/1.44.0"
"""The version of the semantic conventions the names follow."""
