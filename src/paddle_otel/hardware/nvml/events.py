"""What the readings of GPUs say has happened."""

from collections.abc import Iterable, Mapping

from opentelemetry._logs import SeverityNumber

from paddle_otel.conventions import attributes as a
from paddle_otel.conventions import events
from paddle_otel.hardware.kind import Event
from paddle_otel.hardware.nvml.reading import GpuReading
from paddle_otel.hardware.nvml.xid import Xid
from paddle_otel.hardware.nvml.xid_meanings import meaning_of


def xid_events(gpus: tuple[GpuReading, ...]) -> Iterable[Event]:
    """Return an event for each XID error that the driver reported."""
    for gpu in gpus:
        for xid in gpu.xids:
            yield Event(events.GPU_XID, SeverityNumber.ERROR, _attributes(gpu, xid), xid.timestamp_ns)


def _attributes(gpu: GpuReading, xid: Xid) -> Mapping[str, str | int | float]:
    meaning = meaning_of(xid.code)
    known: dict[str, str | int | None] = {
        a.HW_ID: gpu.identity.uuid,
        a.HW_NAME: gpu.identity.name,
        a.PADDLE_GPU_XID: xid.code,
        a.PADDLE_GPU_XID_CLASS: meaning and meaning.kind,
        a.PADDLE_GPU_XID_MEANING: meaning and meaning.meaning,
        a.PADDLE_GPU_XID_ACTION: meaning and meaning.action,
    }
    return {key: value for key, value in known.items() if value is not None}
