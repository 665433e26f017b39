"""Several values of one device in one call (``nvmlDeviceGetFieldValues``)."""

import struct
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from paddle_otel.hardware.nvml.binding import DEVICE_LOST, UNSUPPORTED, Binding, NvmlError


class Field:
    """Numbers of fields (``nvml.h``, ``NVML_FI_…``)."""

    ECC_CORRECTED: Final = 5
    """Single bit errors since the board was made (``ECC_SBE_AGG_TOTAL``)."""
    ECC_UNCORRECTED: Final = 6
    """Double bit errors since the board was made (``ECC_DBE_AGG_TOTAL``)."""
    MEMORY_TEMPERATURE: Final = 82
    """Degrees Celsius."""
    ENERGY: Final = 83
    """mJ since the driver was loaded."""
    NVLINK_COUNT: Final = 91
    PCIE_REPLAY: Final = 94
    """Retries on the PCIe link."""
    NVLINK_TRANSMITTED: Final = 138
    """KiB of data, without protocol."""
    NVLINK_RECEIVED: Final = 139
    """KiB of data, without protocol."""
    REMAP_PENDING: Final = 144
    """Whether rows of the memory are remapped at the next reset."""
    REMAP_FAILED: Final = 145
    """Whether remapping a row failed: the board qualifies for replacement."""
    POWER_INSTANT: Final = 186
    """mW, of the GPU without the rest of its module (scope 0)."""
    SHUTDOWN_OFFSET: Final = 193
    """Degrees between the T.Limit and the temperature of shutdown."""
    SLOWDOWN_OFFSET: Final = 194
    """Degrees between the T.Limit and the temperature of slowdown."""
    PCIE_TRANSMITTED: Final = 197
    """Bytes, protocol included."""
    PCIE_RECEIVED: Final = 198
    """Bytes, protocol included."""
    RECOVERY_ACTION: Final = 230
    """What the driver wants done to the GPU; 0 nothing."""


ALL_LINKS: Final = 0xFFFFFFFF
_ONLY_64_BITS: Final = frozenset({Field.PCIE_TRANSMITTED, Field.PCIE_RECEIVED})
"""Counters that in 32 bits would wrap several times between two readings, so that they would tell nothing."""
_SCOPES: Final = {Field.NVLINK_TRANSMITTED: ALL_LINKS, Field.NVLINK_RECEIVED: ALL_LINKS}

# nvmlValueType_t: which member of the union holds the value.
_MEMBERS: Final = ("dVal", "uiVal", "ulVal", "ullVal", "sllVal", "siVal", "usVal")
_UNSIGNED_LONG_LONG: Final = 3
_ENTRY: Final = "24xIIQ"  # nvmlFieldValue_t from valueType on: type, return code, the union's eight bytes


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
        # One unpacking of all entries costs less than three accesses of ctypes to each.
        unpacked: Iterator[int] = iter(self._layout.unpack_from(self._array))
        for field, entry, kind, code, raw in zip(self._ids, self._entries, unpacked, unpacked, unpacked, strict=True):
            if code in UNSUPPORTED or (code == 0 and field in _ONLY_64_BITS and kind != _UNSIGNED_LONG_LONG):
                unsupported.add(field)
            elif code in DEVICE_LOST:
                raise NvmlError(f"field {field}", code, "device lost")
            elif code == 0 and kind < len(_MEMBERS):
                values[field] = raw if kind == _UNSIGNED_LONG_LONG else getattr(entry.value, _MEMBERS[kind])
        if unsupported:
            self._set_ids(tuple(field for field in self._ids if field not in unsupported))
        return values

    def _set_ids(self, ids: tuple[int, ...]) -> None:
        self._ids = ids
        self._array = self._binding.field_array(len(ids))
        self._layout = struct.Struct("=" + _ENTRY * len(ids))
        self._entries: tuple[Any, ...] = tuple(self._array[position] for position in range(len(ids)))
        for field, entry in zip(ids, self._entries, strict=True):
            entry.fieldId = field
            entry.scopeId = _SCOPES.get(field, 0)
