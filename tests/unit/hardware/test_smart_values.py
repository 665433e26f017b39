"""What an answer of smartctl says about a disk; answers after the schema of smartctl 7.3."""

from typing import Any

import pytest

from fake_smartctl.program import fixture
from paddle_otel.hardware.smart.health import health
from paddle_otel.hardware.smart.identity import identity
from paddle_otel.hardware.smart.reading import DiskIdentity, Health
from paddle_otel.hardware.smart.values import smart_values

ATA_HDD = {
    "Raw_Read_Error_Rate": 212453120,
    "Reallocated_Sector_Ct": 24,
    "Power_On_Hours": 12345,
    "Power_Cycle_Count": 57,
    "Reported_Uncorrect": 5,
    "Airflow_Temperature_Cel": 31,
    "Temperature_Celsius": 31,
    "Current_Pending_Sector": 7,
    "Offline_Uncorrectable": 3,
    "UDMA_CRC_Error_Count": 2,
    "Head_Flying_Hours": 187059437254321,
    "reallocated_sectors": 24,
    "pending_sectors": 7,
    "uncorrectable_sectors": 3,
    "media_errors": 5,
    "power_on_hours": 12345,
    "power_cycles": 57,
}
ATA_SSD = {
    "Retired_Block_Count": 412,
    "Unknown_Attribute_171": 1,
    "Unknown_Attribute_172": 2,
    "Reported_Uncorrect": 0,
    "Read_Sectors_Tot_Ct": 987654321,
    "reallocated_sectors": 412,
    "media_errors": 0,
    "percentage_used": 93,
    "power_on_hours": 40000,
}
NVME = {
    "media_errors": 4,
    "percentage_used": 12,
    "available_spare": 97,
    "available_spare_threshold": 10,
    "critical_warning": 0,
    "unsafe_shutdowns": 9,
    "power_on_hours": 18123,
    "power_cycles": 31,
}
SCSI_HDD = {"reallocated_sectors": 11, "pending_sectors": 6, "media_errors": 3, "power_on_hours": 51234}
SCSI_SSD = {"percentage_used": 104, "power_on_hours": 26195}


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("ata_hdd", ATA_HDD),
        ("ata_ssd_failing", ATA_SSD),
        ("nvme", NVME),
        ("scsi_hdd", SCSI_HDD),
        ("scsi_ssd_warning", SCSI_SSD),
        ("virtual", {}),
        ("denied", {}),
    ],
)
def test_values(name: str, values: dict[str, int]) -> None:
    """By the vendor's names and by those that all disks share; what a disk does not have is absent, not 0."""
    assert smart_values(fixture(name)) == values
    assert {type(value) for value in smart_values(fixture(name)).values()} <= {int}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (
            "ata_hdd",
            DiskIdentity(
                id="naa.5000c500a1b2c3d4", device="x", model="ACME ROTOR4000", vendor=None,
                serial_number="R4K00001", firmware_version="AR01", type="hdd",
            ),
        ),
        (
            "ata_ssd_failing",
            DiskIdentity(
                id="naa.500a028fffffffff", device="x", model="ACME FLASH 960", vendor=None,
                serial_number="F9600001", firmware_version="AF10", type="ssd",
            ),
        ),
        (
            "nvme",
            DiskIdentity(
                id="ACME_NVM_1920G_N19200001", device="x", model="ACME NVM 1920G", vendor=None,
                serial_number="N19200001", firmware_version="NV77", type="nvme",
            ),
        ),
        (
            "scsi_hdd",
            DiskIdentity(
                id="naa.5000c500b2c3d4e5", device="x", model="ACME SAS8000", vendor="ACME",
                serial_number="S8K00001", firmware_version="E005", type="hdd",
            ),
        ),
        (
            "scsi_ssd_warning",
            DiskIdentity(
                id="naa.5002538f31b1fd8f", device="x", model="ACME SASFLASH", vendor="ACME",
                serial_number="SF000001", firmware_version="F00D", type="ssd",
            ),
        ),
    ],
)  # fmt: skip
def test_identity(name: str, expected: DiskIdentity) -> None:
    """World Wide Name or serial number; what a disk does not say is absent."""
    assert identity(fixture(name), "x") == expected


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"wwn": {"naa": 0, "oui": 0, "id": 0}}, "ACME_ROTOR4000_R4K00001"),
        ({"wwn": {"naa": 5, "oui": 3152}}, "ACME_ROTOR4000_R4K00001"),
        ({"wwn": {"naa": 5, "oui": 1 << 24, "id": 1}}, "ACME_ROTOR4000_R4K00001"),
        ({"wwn": "naa.5"}, "ACME_ROTOR4000_R4K00001"),
        ({"wwn": None, "model_name": None}, "R4K00001"),
        ({"wwn": None, "serial_number": " R4 \x00K\ud800 "}, "ACME_ROTOR4000_R4_K"),
        ({"wwn": None, "serial_number": None}, "sda"),
        ({"wwn": None, "logical_unit_id": "0x0000000000000000"}, "ACME_ROTOR4000_R4K00001"),
        ({"wwn": None, "logical_unit_id": "naa 5"}, "ACME_ROTOR4000_R4K00001"),
    ],
)
def test_identifier_without_world_wide_name(change: dict[str, Any], expected: str) -> None:
    """The serial number stands in; the kernel's name only where there is nothing else."""
    disk = identity({**fixture("ata_hdd"), **change}, "sda")
    assert disk is not None
    assert disk.id == expected


def test_no_identifier_at_all() -> None:
    """A disk that nothing tells from another one is left out."""
    assert identity({}, None) is None


def test_nvme_disk_without_serial_number() -> None:
    """The identifier of its only namespace stands in; of several namespaces none does."""
    answer: dict[str, Any] = {**fixture("nvme"), "serial_number": None}
    alone = identity(answer, "nvme0n1")
    assert alone is not None
    assert alone.id == "eui.0025388781b6f782"
    several = identity({**answer, "nvme_namespaces": answer["nvme_namespaces"] * 2}, "nvme0")
    assert several is not None
    assert several.id == "nvme0"


def _nvme(warning: int) -> dict[str, Any]:
    return {"nvme_smart_health_information_log": {"critical_warning": warning}}


def _ata(passed: bool | None, *failing: tuple[str, bool]) -> dict[str, Any]:
    table = [
        {"name": f"A{number}", "when_failed": when, "flags": {"prefailure": prefailure}, "raw": {"value": number}}
        for number, (when, prefailure) in enumerate(failing)
    ]
    return {"smart_status": {"passed": passed}, "ata_smart_attributes": {"table": table}}


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (fixture("ata_hdd"), Health("ok")),
        (fixture("ata_ssd_failing"), Health("predicted_failure", "Retired_Block_Count", 412)),
        (fixture("nvme"), Health("ok", "critical_warning", 0)),
        (fixture("scsi_hdd"), Health("ok")),
        (fixture("scsi_ssd_warning"), Health("degraded")),
        (fixture("virtual"), None),
        (fixture("denied"), None),
        (_nvme(0x01), Health("predicted_failure", "critical_warning", 1)),
        (_nvme(0x02), Health("degraded", "critical_warning", 2)),
        (_nvme(0x04), Health("predicted_failure", "critical_warning", 4)),
        (_nvme(0x08), Health("failed", "critical_warning", 8)),
        (_nvme(0x0D), Health("failed", "critical_warning", 13)),
        (_nvme(0x10), Health("degraded", "critical_warning", 16)),
        (_nvme(0x20), Health("degraded", "critical_warning", 32)),
        ({"smart_status": {"passed": False, "nvme": {"value": 1}}}, Health("predicted_failure", "critical_warning", 1)),
        ({"smart_status": {"passed": False, "scsi": {"asc": 0x5D}}}, Health("predicted_failure")),
        ({"smart_status": {"passed": False, "scsi": {"asc": 0x0B}}}, Health("degraded")),
        (_ata(True, ("past", True), ("", True)), Health("ok")),
        (_ata(True, ("", True), ("now", True)), Health("predicted_failure", "A1", 1)),
        (_ata(True, ("now", False)), Health("degraded", "A0", 0)),
        (_ata(True, ("now", False), ("now", True)), Health("predicted_failure", "A1", 1)),
        (_ata(False, ("now", False)), Health("predicted_failure", "A0", 0)),
        (_ata(False), Health("predicted_failure")),
        (_ata(None, ("", True)), None),
        (_ata(None, ("now", True)), Health("predicted_failure", "A0", 0)),
        ({"smartctl": {"exit_status": 8}}, Health("predicted_failure")),
        ({"smartctl": {"exit_status": 0xF7}}, None),
        ({"smartctl": {"exit_status": 8}, "smart_status": {"passed": True}}, Health("ok")),
        ({"smart_status": {"passed": "false"}}, None),
    ],
)
def test_health(answer: dict[str, Any], expected: Health | None) -> None:
    """The disk's own judgement; none where it gives none."""
    assert health(answer) == expected


def _attribute(number: int, name: str, printed: object, value: object) -> dict[str, Any]:
    attribute = {"id": number, "name": name, "raw": {"string": printed, "value": value}}
    return {"ata_smart_attributes": {"table": [attribute]}}


@pytest.mark.parametrize(
    ("printed", "value", "expected"),
    [
        ("24", 24, {"Reallocated_Sector_Ct": 24, "reallocated_sectors": 24}),
        ("24 (0 768)", 50331672, {"Reallocated_Sector_Ct": 24, "reallocated_sectors": 24}),
        # Two numbers in one, of which smartctl does not say which one counts sectors.
        ("24/8", 134217752, {"Reallocated_Sector_Ct": 134217752}),
        ("0x000018", 24, {"Reallocated_Sector_Ct": 24}),
        (None, 24, {"Reallocated_Sector_Ct": 24, "reallocated_sectors": 24}),
        (7, 24, {"Reallocated_Sector_Ct": 24, "reallocated_sectors": 24}),
        ("٢٤", 24, {"Reallocated_Sector_Ct": 24}),
        ("9" * 100, 24, {"Reallocated_Sector_Ct": 24}),
        (None, "24", {}),
        (None, -1, {}),
        (None, True, {}),
        (None, 2**63, {}),
        (None, 1.5, {}),
    ],
)
def test_packed_raw_values(printed: object, value: object, expected: dict[str, int]) -> None:
    """The number that smartctl decoded is the value; a number made of several is no count of sectors."""
    assert smart_values(_attribute(5, "Reallocated_Sector_Ct", printed, value)) == expected


@pytest.mark.parametrize(
    ("number", "name", "shared"),
    [
        (5, "Reallocate_NAND_Blk_Cnt", "reallocated_sectors"),
        (197, "Current_Pending_ECC_Cnt", "pending_sectors"),
        (198, "Total_Offl_Uncorrectabl", "uncorrectable_sectors"),
        (187, "Uncorrectable_Error_Cnt", "media_errors"),
        (5, "Host_Writes_GiB", None),
        (197, "Total_Unc_Read_Failures", None),
        (198, "Read_Sectors_Tot_Ct", None),
        (187, "Total_Unc_NAND_Reads", None),
        (196, "Reallocated_Event_Count", None),
    ],
)
def test_number_and_name_agree(number: int, name: str, shared: str | None) -> None:
    """Vendors use attribute numbers for other things, too: only one that is called so counts."""
    expected = {name: 9} if shared is None else {name: 9, shared: 9}
    assert smart_values(_attribute(number, name, "9", 9)) == expected


def test_attributes_of_one_name() -> None:
    """Each has a name of its own: one series cannot have two values."""
    table = [{"id": number, "name": "Temperature_Celsius", "raw": {"value": number}} for number in (190, 194)]
    assert smart_values({"ata_smart_attributes": {"table": table}}) == {
        "Temperature_Celsius": 190,
        "Temperature_Celsius_194": 194,
    }


def test_number_of_attributes_is_bounded() -> None:
    """ATA has 30; nothing can make a thousand series of one disk."""
    table = [{"id": number, "name": "N" * 70 + str(number), "raw": {"value": 1}} for number in range(5000)]
    values = smart_values({"ata_smart_attributes": {"table": table}})
    assert len(values) <= 64
    assert max(map(len, values)) <= 64 + 5


def test_values_without_the_attribute() -> None:
    """The standard log stands in for attribute 197, and smartctl's own field for a missing log of endurance."""
    assert smart_values({"ata_pending_defects_log": {"count": 8}}) == {"pending_sectors": 8}
    assert smart_values({"endurance_used": {"current_percent": 3}}) == {"percentage_used": 3}
    assert smart_values({"scsi_error_counter_log": {"write": {"total_uncorrected_errors": 2}}}) == {"media_errors": 2}
    assert smart_values({"scsi_error_counter_log": {}}) == {}


HOSTILE: list[Any] = [
    None, True, "x", 1.5, -3, 2**63, 10**39, [], {}, [[]], [None, 3, "x", {}], {"table": 3}, {"table": [{"id": {}}]},
    {"table": {"id": 5}}, {"read": 7}, {"passed": [], "nvme": "x", "scsi": 3},
]  # fmt: skip


@pytest.mark.parametrize("wrong", HOSTILE, ids=repr)
@pytest.mark.parametrize("name", ["ata_hdd", "ata_ssd_failing", "nvme", "scsi_hdd", "scsi_ssd_warning"])
def test_any_field_may_be_anything(name: str, wrong: object) -> None:
    """A field of the wrong type is an unknown value, and the others are read all the same."""
    answer = fixture(name)
    answer.pop("ata_pending_defects_log", None)  # stands in for the attribute, with another number
    for key in answer:
        changed = {**answer, key: wrong}
        values = smart_values(changed)
        assert values.items() <= smart_values(answer).items()
        assert health(changed) is None or isinstance(health(changed), Health)
        disk = identity(changed, "sda")
        assert disk is not None
        assert all(isinstance(value, str) for value in disk.disk_attributes.values())
