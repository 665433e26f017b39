"""Metrics that several kinds of devices share (hardware conventions, semconv v1.44)."""

from typing import Final

from paddle_otel.conventions import attributes as a
from paddle_otel.conventions.metric import Metric

_DEVICE: Final = (
    *(a.HW_ID, a.HW_NAME, a.HW_MODEL, a.HW_VENDOR, a.HW_SERIAL_NUMBER),
    *(a.HW_DRIVER_VERSION, a.HW_FIRMWARE_VERSION, a.HW_PARENT),
)

STATUS: Final = Metric(
    "hw.status",
    "observable_up_down_counter",
    "1",
    "Whether the device is in this state: 1 or 0, one series per state.",
    (*_DEVICE, a.HW_TYPE, a.HW_STATE),
)
ERRORS: Final = Metric(
    "hw.errors",
    "observable_counter",
    "{error}",
    "Errors the device has counted, by type.",
    (*_DEVICE, a.HW_TYPE, a.ERROR_TYPE),
)
TEMPERATURE: Final = Metric(
    "hw.temperature",
    "observable_gauge",
    "Cel",
    "Temperature of a sensor of the device.",
    (*_DEVICE, a.HW_SENSOR_LOCATION),
)
TEMPERATURE_LIMIT: Final = Metric(
    "hw.temperature.limit",
    "observable_gauge",
    "Cel",
    "Temperature at which the device slows down (high.degraded) or switches itself off (high.critical).",
    (*_DEVICE, a.HW_SENSOR_LOCATION, a.HW_LIMIT_TYPE),
)
POWER: Final = Metric("hw.power", "observable_gauge", "W", "Power the device draws.", (*_DEVICE, a.HW_TYPE))
ENERGY: Final = Metric(
    "hw.energy",
    "observable_counter",
    "J",
    "Energy the device has used, by its own counter; goes on where the counter begins anew (driver reload, reset).",
    (*_DEVICE, a.HW_TYPE),
)
FAN_SPEED_RATIO: Final = Metric(
    "hw.fan.speed_ratio", "observable_gauge", "1", "Speed of the device's fan as a share of its maximum.", _DEVICE
)

ALL: Final = tuple(value for value in tuple(globals().values()) if isinstance(value, Metric))
