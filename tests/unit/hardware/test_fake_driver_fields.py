"""The fake driver answers to fields with the values that a test sets, in the real driver's types."""

import math
import time
from typing import Any

import pytest

from fake_nvml.answers import FIELDS, FUNCTIONS, SIGNED_INT, UNSIGNED_LONG_LONG
from fake_nvml.asking import code, fields
from fake_nvml.codes import INVALID_ARGUMENT, NOT_SUPPORTED, UNKNOWN
from fake_nvml.driver import FakeDriver

ALL_LINKS = 0xFFFFFFFF


@pytest.mark.parametrize("field", FIELDS)
def test_field(fake_nvml: FakeDriver, nvml: Any, field: int) -> None:
    """Each field answers with the value of its device, in the type of the real driver."""
    key, value_type = FIELDS[field]
    handle = nvml.nvmlDeviceGetHandleByIndex(2)
    assert fields(nvml, handle, field) == [(0, value_type, fake_nvml.get(2, key))]
    number = 0xFFFFFFFF + 7 if value_type == UNSIGNED_LONG_LONG else -3 if value_type == SIGNED_INT else 0xFFFFFFFE
    fake_nvml.set(2, **{key: number})
    assert fields(nvml, handle, field) == [(0, value_type, number)]
    assert fake_nvml.calls(f"field:{field}", device=2) == 2


def test_every_value_is_played(fake_nvml: FakeDriver) -> None:
    """No value can be set without being answered somewhere: the tables above, and the tests below, name all."""
    elsewhere = {
        "utilization",
        "memory_utilization",
        "total",
        "used",
        "reserved",
        "tlimit",
        "bus",
        "nvlink_active",
        "nvlink_tx",
        "nvlink_rx",
        "fan2",
        "fan3",
        "compute_capability_major",
        "compute_capability_minor",
        "gpm_supported",
        "mig_supported",
        "mig_mode",
        "mig_pending_mode",
        "lost",
        "writes_past_the_end",
        "process_size_succeeds",
        "own_memory",
        "own_utilization",
    }  # fmt: skip - a list of names
    named = set(FUNCTIONS.values()) | {key for key, _ in FIELDS.values()}
    assert named | elsewhere == set(fake_nvml.keys)
    assert not named & elsewhere


def test_nvlink(fake_nvml: FakeDriver, nvml: Any) -> None:
    """Traffic is told by link, and of all links under a scope of its own."""
    handle = nvml.nvmlDeviceGetHandleByIndex(0)
    fake_nvml.set(0, nvlink_count=4, nvlink_active=0b1011, nvlink_tx=1003, nvlink_rx=(1 << 40) + 1)
    assert [nvml.nvmlDeviceGetNvLinkState(handle, link) for link in range(4)] == [1, 1, 0, 1]
    assert code(nvml, "nvmlDeviceGetNvLinkState", handle, 4) == INVALID_ARGUMENT
    sums = fields(nvml, handle, (138, ALL_LINKS), (139, ALL_LINKS))
    assert sums == [(0, UNSIGNED_LONG_LONG, 1003), (0, UNSIGNED_LONG_LONG, (1 << 40) + 1)]
    links = fields(nvml, handle, *((138, link) for link in range(4)))
    assert [value for _, _, value in links] == [250, 250, 250, 253]
    assert fields(nvml, handle, (138, 4))[0][0] == INVALID_ARGUMENT
    fake_nvml.set(0, nvlink_count=0)
    assert fields(nvml, handle, (138, ALL_LINKS))[0][0] == NOT_SUPPORTED


def test_field_values(fake_nvml: FakeDriver, nvml: Any) -> None:
    """Each value has a code of its own; time and cost are told."""
    handle = nvml.nvmlDeviceGetHandleByIndex(0)
    fake_nvml.inject("field:83", UNKNOWN, device=0)
    values = nvml.nvmlDeviceGetFieldValues(handle, [186, 83, 300, 100_000, (186, 1)])
    codes = [value.nvmlReturn for value in values]
    assert codes == [0, UNKNOWN, NOT_SUPPORTED, INVALID_ARGUMENT, NOT_SUPPORTED]
    assert abs(values[0].timestamp / 1e6 - time.time()) < 60
    assert values[0].latencyUsec == 3
    assert nvml.nvmlLib.nvmlDeviceGetFieldValues(handle, 0, values) == INVALID_ARGUMENT


@pytest.mark.parametrize(
    ("value", "value_type", "member", "read"),
    [
        (1.5, 0, "dVal", 1.5),
        (math.inf, 0, "dVal", math.inf),
        (-7, 4, "sllVal", -7),
        (7, 6, "usVal", 7),
        (9, 77, "uiVal", 9),
    ],
)
def test_field_that_answers_what_a_test_wants(
    fake_nvml: FakeDriver, nvml: Any, value: float, value_type: int, member: str, read: float
) -> None:
    """Any value in any type, also in one that does not exist, also for a field that nobody has."""
    handle = nvml.nvmlDeviceGetHandleByIndex(0)
    for field in (83, 511):
        fake_nvml.set_field(0, field, value, value_type)
        (answer,) = nvml.nvmlDeviceGetFieldValues(handle, [field])
        assert (answer.nvmlReturn, answer.valueType, getattr(answer.value, member)) == (0, value_type, read)


def test_field_values_past_the_end(fake_nvml: FakeDriver, nvml: Any) -> None:
    """A driver that writes one entry too many, when told to."""
    handle = nvml.nvmlDeviceGetHandleByIndex(0)
    values = (nvml.c_nvmlFieldValue_t * 2)()
    values[0].fieldId = 83
    assert nvml.nvmlLib.nvmlDeviceGetFieldValues(handle, 1, values) == 0
    assert values[1].fieldId == 0
    fake_nvml.set(0, writes_past_the_end=1)
    assert nvml.nvmlLib.nvmlDeviceGetFieldValues(handle, 1, values) == 0
    assert values[1].fieldId == 0xEEEEEEEE


@pytest.mark.parametrize(
    ("version", "later"),
    [("580.95.05", True), ("580.82", True), ("610.1", True), ("580.65.06", False), ("570.86.15", False)],
)
def test_fields_that_were_numbered_anew(fake_nvml: FakeDriver, nvml: Any, version: str, later: bool) -> None:
    """The throttle time of three reasons; what the numbers mean besides is not supported."""
    fake_nvml.set_driver_version(version)
    assert nvml.nvmlSystemGetDriverVersion() == version
    handle = nvml.nvmlDeviceGetHandleByIndex(0)
    answers = {True: fields(nvml, handle, 269, 270, 271), False: fields(nvml, handle, 251, 252, 253)}
    assert [value for _, _, value in answers[later]] == [7_000_000_000, 8_000_000_000, 9_000_000_000]
    assert [status for status, _, _ in answers[not later]] == [NOT_SUPPORTED] * 3
