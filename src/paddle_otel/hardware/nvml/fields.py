"""Several values of one device in one call (``nvmlDeviceGetFieldValues``)."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from paddle_otel.hardware.nvml.binding import DEVICE_LOST, UNSUPPORTED, Binding, NvmlError

ENERGY: Final = 83
"""``NVML_FI_DEV_TOTAL_ENERGY_CONSUMPTION``, mJ since the driver was loaded."""
POWER_INSTANT: Final = 186
"""``NVML_FI_DEV_POWER_INSTANT``, mW, of the GPU without the rest of its module (scope 0)."""

# nvmlValueType_t: which member of the union holds the value.
_MEMBERS: Final = ("dVal", "uiVal", "ulVal", "ullVal", "sllVal", "siVal", "usVal")


class FieldBatch:
    """Fields that are read together; those that a device does not have are left out from then on.

    Args:
        binding: NVML.
        ids: The fields.
    """

    def __init__(self, binding: Binding, ids: Sequence[int]) -> None:
        self._binding = binding
        self._set_ids(tuple(ids))

    def supports(self, field: int) -> bool:
        """Whether the device was not seen to lack a field."""
        return field in self._ids

    def read(self, handle: Any) -> Mapping[int, int | float]:
        """Return the fields that have a value now.

        Raises:
            NvmlError: As :meth:`Binding.call`; also when a field says that the device is lost.
        """
        if not self._ids:
            return {}
        try:
            self._binding.call("nvmlDeviceGetFieldValues", handle, len(self._ids), self._array)
        except NvmlError as error:
            if error.code not in UNSUPPORTED:
                raise
            self._set_ids(())
            return {}
        return self._values()

    def _values(self) -> Mapping[int, int | float]:
        values: dict[int, int | float] = {}
        unsupported: set[int] = set()
        for field, entry in zip(self._ids, self._entries, strict=True):
            code: int = entry.nvmlReturn
            kind: int = entry.valueType
            if code == 0 and kind < len(_MEMBERS):
                values[field] = getattr(entry.value, _MEMBERS[kind])
            elif code in UNSUPPORTED:
                unsupported.add(field)
            elif code in DEVICE_LOST:
                raise NvmlError(f"field {field}", code, "device lost")
        if unsupported:
            self._set_ids(tuple(field for field in self._ids if field not in unsupported))
        return values

    def _set_ids(self, ids: tuple[int, ...]) -> None:
        self._ids = ids
        self._array = self._binding.field_array(len(ids))
        self._entries: tuple[Any, ...] = tuple(self._array[position] for position in range(len(ids)))
        for field, entry in zip(ids, self._entries, strict=True):
            entry.fieldId = field
            entry.scopeId = 0
