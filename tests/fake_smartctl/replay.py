"""A synthetic ATA disk that the real smartctl reads: it replays commands in the format of its own debug output.

``smartctl … - < dump`` takes what ``smartctl -r ataioctl,2`` prints about a disk for the disk itself. So the real
program decodes the real structures of the ATA standard, with the values that a test chose.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

SECTOR = 512


@dataclass(frozen=True)
class Attribute:
    """An attribute of the table: number, flags (1: foretells failure), normalized value, threshold, raw value."""

    number: int
    raw: int
    value: int = 100
    threshold: int = 0
    flags: int = 0x32


@dataclass(frozen=True)
class AtaDisk:
    """A disk; its S.M.A.R.T. status says that it fails if ``failing``."""

    model: str = "ACME ROTOR4000"
    serial_number: str = "SYNTH0001"
    firmware: str = "FW01"
    world_wide_name: int = 0x5000C500A1B2C3D4
    sectors: int = 7814037168
    rotation_rate: int = 7200
    attributes: Sequence[Attribute] = field(default=())
    failing: bool = False

    def dump(self) -> str:
        """Return the disk as smartctl prints it."""
        commands = [
            *_command("CHECK POWER MODE"),
            *_command("IDENTIFY DEVICE", self._identify()),
            *_command("SMART READ ATTRIBUTE VALUES", self._values()),
            *_command("SMART READ ATTRIBUTE THRESHOLDS", self._thresholds()),
            *_command("SMART STATUS CHECK", returned=1 if self.failing else 0),
        ]
        return "\n".join(commands) + "\n"

    def _identify(self) -> bytes:
        words = [0] * 256
        words[0], words[49], words[53] = 0x0040, 0x0200, 6
        for first, length, text in ((10, 10, self.serial_number), (23, 4, self.firmware), (27, 20, self.model)):
            padded = text.ljust(2 * length).encode("ascii")
            words[first : first + length] = [int.from_bytes(padded[i : i + 2], "big") for i in range(0, 2 * length, 2)]
        words[60:62] = [0xFFFF, 0x0FFF]
        words[80] = 0x01F0  # ATA-8
        # S.M.A.R.T. supported and enabled, 48-bit addresses, a World Wide Name.
        words[82:88] = [0x0001, 0x4400, 0x4103, 0x0001, 0x0400, 0x4103]
        words[100:104] = [self.sectors >> shift & 0xFFFF for shift in (0, 16, 32, 48)]
        words[108:112] = [self.world_wide_name >> shift & 0xFFFF for shift in (48, 32, 16, 0)]
        words[217], words[222] = self.rotation_rate, 0x107F
        content = bytearray(b"".join(word.to_bytes(2, "little") for word in words))
        content[510] = 0xA5
        return _with_checksum(content)

    def _values(self) -> bytes:
        content = bytearray(SECTOR)
        content[0] = 16
        for index, one in enumerate(self.attributes):
            entry = bytes([one.number, one.flags, 0, one.value, one.value]) + one.raw.to_bytes(6, "little")
            content[2 + 12 * index : 13 + 12 * index] = entry
        content[368] = 3
        return _with_checksum(content)

    def _thresholds(self) -> bytes:
        content = bytearray(SECTOR)
        content[0] = 16
        for index, one in enumerate(self.attributes):
            content[2 + 12 * index : 4 + 12 * index] = bytes([one.number, one.threshold])
        return _with_checksum(content)


def _with_checksum(content: bytearray) -> bytes:
    content[SECTOR - 1] = -sum(content[: SECTOR - 1]) & 0xFF
    return bytes(content)


def _command(name: str, content: bytes | None = None, returned: int = 0) -> Iterator[str]:
    yield f"REPORT-IOCTL: Device=/dev/sda Command={name}"
    yield f"REPORT-IOCTL: Device=/dev/sda Command={name} returned {returned}"
    if content is not None:
        yield f"===== [{name}] DATA START (BASE-16) ====="
        for start in range(0, SECTOR, 16):
            row = content[start : start + 16]
            yield f"{start:03d}-{start + 15:03d}: {row.hex(' ')}  |{'.' * 16}|"
        yield f"===== [{name}] DATA END ({SECTOR} Bytes) ====="
