"""Situations of the fake driver that several tests need, each on top of a reset driver."""

from typing import Final

from fake_nvml.driver import GIB, FakeDriver, Mig

NOT_SUPPORTED: Final = 3
GPU_IS_LOST: Final = 15
FELL_OFF_THE_BUS: Final = 79
"""The XID of a GPU that is gone."""
CONTAINED_ECC_ERROR: Final = 94

COUNTERS: Final = (
    "energy",
    "throttled_power",
    "throttled_thermal",
    "throttled_sync_boost",
    "throttled_board_limit",
    "throttled_low_utilization",
    "throttled_reliability",
    "throttled_sw_thermal",
    "throttled_hw_thermal",
    "throttled_hw_power_brake",
    "pcie_replay",
    "pcie_tx_bytes",
    "pcie_rx_bytes",
    "nvlink_tx",
    "nvlink_rx",
    "ecc_corrected_volatile",
    "ecc_uncorrected_volatile",
)
"""What counts from 0 when a GPU is reset or its driver is loaded."""

MIG_DEVICES: Final = (
    Mig(1, 0, 20 * GIB, 5 * GIB, "1c.2g.20gb"),
    Mig(1, 1, 20 * GIB, 5 * GIB, "1c.2g.20gb"),
    None,
    Mig(9, 0, 10 * GIB, 3 * GIB, "1g.10gb"),
)
"""Two compute instances that share a GPU instance and its memory, an empty slot, and a GPU instance of its own."""


def eight_h100(driver: FakeDriver) -> None:
    """Eight healthy GPUs, every value of which differs from that of the others where it can."""
    driver.reset(8)


def mig_and_whole(driver: FakeDriver) -> None:
    """Two GPUs, the first one with :data:`MIG_DEVICES`."""
    driver.reset(2)
    driver.mig(0, MIG_DEVICES)


def consumer_gpu(driver: FakeDriver, device: int) -> None:
    """Take from a GPU what only those of data centres have; :meth:`FakeDriver.heal` gives some of it back."""
    driver.set(device, ecc_mode=0, ecc_pending_mode=0, nvlink_count=0, gpm_supported=0, mig_supported=0)
    driver.set_text(device, name="NVIDIA GeForce RTX 4090", serial="")
    for lacking in ("field:82", "field:91", "field:142", "field:143", "field:144", "field:145", "field:230"):
        driver.inject(lacking, NOT_SUPPORTED, device=device)
    for lacking in ("nvmlDeviceGetEccMode", "nvmlDeviceGetRemappedRows", "nvmlDeviceGetNvLinkState"):
        driver.inject(lacking, NOT_SUPPORTED, device=device)


def lose(driver: FakeDriver, device: int, code: int = GPU_IS_LOST) -> None:
    """Let a GPU fall off the bus: the XID is announced, and then it answers nothing."""
    driver.xid(device, FELL_OFF_THE_BUS)
    driver.set(device, lost=code)


def bring_back(driver: FakeDriver, device: int) -> None:
    """Reset a lost GPU: it answers, and its counters begin anew."""
    restart_counters(driver, device)
    driver.set(device, lost=0)


def restart_counters(driver: FakeDriver, device: int) -> None:
    """Set to 0 what counts since the GPU's reset."""
    driver.set(device, **dict.fromkeys(COUNTERS, 0))


def reload_driver(driver: FakeDriver, *order: int) -> None:
    """Reload the driver: counters begin anew; the GPUs are listed in this order unless none is given."""
    for device in range(16):
        restart_counters(driver, device)
    if order:
        driver.list_devices(*order)
    driver.reload()


def almost_wrapped(driver: FakeDriver, device: int, left: int = 16) -> None:
    """Bring the counters of 32 bits to where they wrap after this many counts more; grow them by ``add(bits=32)``."""
    driver.set(device, **dict.fromkeys(("pcie_replay", "pcie_tx_bytes", "pcie_rx_bytes"), (1 << 32) - left))
