"""What a monitor tells: plain data that is never changed after it was made."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from paddle_otel.monitor.energy import EnergyMethod
from paddle_otel.monitor.summary import Summary

Status = Literal["ok", "not_started", "waiting", "no_driver", "no_device", "lost", "not_answering", "forked"]
"""``ok``: there are values of every device that was asked for. ``not_started``: no measurement was begun.
``waiting``: the first sample is not there yet. ``no_driver``: no NVIDIA driver answers here, or it is gone, or
``nvidia-ml-py`` cannot be used; ``message`` tells which.
``no_device``: a device that was asked for is not here. ``lost``: a GPU answers nothing until it is reset.
``not_answering``: the driver hangs, or answers with errors only. ``forked``: this is a forked child of the process in
which the monitor ran; here it is stopped."""


@dataclass(frozen=True, slots=True)
class ActivityStatistics:
    """One GPU while Paddle did one kind of thing.

    Attributes:
        seconds: For how long, as far as this GPU was sampled.
        energy_joules: What the GPU used meanwhile, ``None`` when it is not known.
        quantities: Each value over the samples into whose time it fell, see
            :data:`paddle_otel.monitor.quantities.QUANTITIES`.
    """

    seconds: float
    energy_joules: float | None
    quantities: Mapping[str, Summary]


@dataclass(frozen=True, slots=True)
class DeviceStatistics:
    """One GPU, or one part of a GPU that MIG made.

    Attributes:
        uuid: Its name for ever.
        name: Product name.
        device: As Paddle writes it (``gpu:0``), ``None`` when its number is not known.
        samples: How many samples there are of it.
        lost: Whether it answers nothing any more until it is reset.
        memory_total_bytes: Its memory in all.
        energy_joules: What it used while it was sampled, ``None`` when it is not known.
        energy_seconds: In which time; less than ``sampled_seconds`` where some of it is not known.
        energy_method: How the energy is known.
        sampled_seconds: From its first sample to its last.
        quantities: Each value over all samples. A value that the GPU never told is not there.
        activities: The same by what Paddle did meanwhile, idle included.
    """

    uuid: str
    name: str | None
    device: str | None
    samples: int
    lost: bool
    memory_total_bytes: int | None
    energy_joules: float | None
    energy_seconds: float
    energy_method: EnergyMethod | None
    sampled_seconds: float
    quantities: Mapping[str, Summary]
    activities: Mapping[str, ActivityStatistics]


@dataclass(frozen=True, slots=True)
class GPUStatistics:
    """What a monitor saw from its start until now, or until it was stopped.

    Printed, it is a table; a notebook shows it as one.

    Attributes:
        status: Whether there are values, and why not where there are none.
        message: The same in words.
        running: Whether the monitor runs.
        started_at: When it was started, ``None`` if it was not.
        duration_seconds: Since then.
        interval_seconds: The time between two samples, as asked for.
        samples: How many times the devices were read.
        samples_kept: How many of them are kept for percentiles, plots and tables.
        energy_joules: Of all devices together, ``None`` when no device's is known.
        activity_seconds: For how long Paddle did what, idle included. Adds up to the time until the last sample.
        devices: Each GPU.
    """

    status: Status
    message: str
    running: bool
    started_at: datetime | None
    duration_seconds: float
    interval_seconds: float
    samples: int
    samples_kept: int
    energy_joules: float | None
    activity_seconds: Mapping[str, float]
    devices: tuple[DeviceStatistics, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return everything as dictionaries, lists, texts and numbers, as ``json.dumps`` takes them."""
        return _plain(self)

    def __str__(self) -> str:
        # Here and not above: it knows this module.
        from paddle_otel.monitor.statistics_text import as_text  # noqa: PLC0415 - see above

        return as_text(self)

    def _repr_html_(self) -> str:
        from paddle_otel.monitor.statistics_html import as_html  # noqa: PLC0415 - see __str__

        return as_html(self)


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value):
        return {field.name: _plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(key): _plain(one) for key, one in value.items()}  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType] - whatever it holds
    if isinstance(value, tuple):
        return [_plain(one) for one in value]  # pyright: ignore[reportUnknownVariableType] - whatever it holds
    return value.isoformat() if isinstance(value, datetime) else value
