"""What an XID error of the NVIDIA driver means, who is to blame, and what to do.

After NVIDIA's public catalogue (https://docs.nvidia.com/deploy/xid-errors/analyzing-xid-catalog.html), and its list for
older GPUs where the catalogue no longer uses a number. Errors of the application are those that NVIDIA's Kubernetes
device plugin takes for such; where the catalogue leaves open who is to blame there is no class.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from paddle_otel.conventions import attributes as a


@dataclass(frozen=True, slots=True)
class XidMeaning:
    """One kind of XID error.

    Attributes:
        kind: ``application`` or ``hardware``; ``None`` when it may be either, or the driver.
        meaning: What happened.
        action: What to do.
    """

    kind: str | None
    meaning: str
    action: str


_APPLICATION: Final = a.XID_APPLICATION
_HARDWARE: Final = a.XID_HARDWARE

_RESTART: Final = "Restart the program that used the GPU."
_CHECK_PROGRAM: Final = "Restart the program and look for the fault in it, with compute-sanitizer for instance."
_RESET: Final = "Stop all programs on the GPU and reset it; contact the vendor if the error comes back."
_REPORT: Final = "Contact the vendor if the error comes back."
_NOTHING: Final = "Nothing needs to be done."
_VENDOR: Final = "Contact the vendor."
_LINKS: Final = "Check the links with nvidia-smi nvlink -e, reset the GPU, and contact the vendor if errors come back."

_ENGINES: Final = {
    **dict.fromkeys((39, 40, 41, 70, 71, 72, 75, 76, 77, 85, *range(126, 136)), "A copy engine reported an error."),
    **dict.fromkeys((83, 84, 88, 89, 96, 97, 98), "A video decoder reported an error."),
    **dict.fromkeys((82, *range(99, 106)), "A JPEG decoder reported an error."),
    **dict.fromkeys((86, 139), "The optical flow engine reported an error."),
}
_NVLINK_5: Final = range(144, 151)

_MEANINGS: Final[Mapping[int, XidMeaning]] = MappingProxyType(
    {
        **{code: XidMeaning(None, meaning, _RESTART) for code, meaning in _ENGINES.items()},
        **{code: XidMeaning(_HARDWARE, "An NVLink reported an error.", _LINKS) for code in _NVLINK_5},
        8: XidMeaning(None, "The GPU stopped working on a program's commands.", _RESTART),
        11: XidMeaning(None, "The GPU was sent invalid or damaged commands.", _CHECK_PROGRAM),
        13: XidMeaning(
            _APPLICATION, "A kernel did something illegal, most often an access out of bounds.", _CHECK_PROGRAM
        ),
        25: XidMeaning(None, "The GPU was sent invalid or illegal commands.", _CHECK_PROGRAM),
        31: XidMeaning(_APPLICATION, "A kernel accessed GPU memory at an address that is not mapped.", _CHECK_PROGRAM),
        32: XidMeaning(None, "The GPU was sent invalid or damaged commands.", _CHECK_PROGRAM),
        37: XidMeaning(None, "The driver's firmware was asked for what it does not have.", _REPORT),
        38: XidMeaning(None, "The driver's firmware did not answer in time.", _REPORT),
        43: XidMeaning(
            _APPLICATION, "The GPU stopped working on a program that had failed; it is healthy.", _CHECK_PROGRAM
        ),
        44: XidMeaning(None, "The GPU failed while it switched from one program to another.", _REPORT),
        45: XidMeaning(
            _APPLICATION,
            "A program's work was removed from the GPU because it ended or because of an error before.",
            "Look at the XID errors before this one; restart the program if there are none.",
        ),
        46: XidMeaning(None, "The GPU stopped working.", _RESET),
        48: XidMeaning(_HARDWARE, "GPU memory had an error that ECC could not correct.", _RESET),
        54: XidMeaning(
            _HARDWARE, "The board's auxiliary power is not connected.", "Check the power connectors of the board."
        ),
        56: XidMeaning(None, "The display engine reported an error.", _REPORT),
        57: XidMeaning(_HARDWARE, "The interface to GPU memory could not be set up.", _VENDOR),
        58: XidMeaning(_HARDWARE, "The interface to GPU memory is unstable.", _VENDOR),
        60: XidMeaning(None, "The GPU's video or security processor reported an error.", _RESTART),
        61: XidMeaning(_HARDWARE, "The GPU's internal micro-controller stopped at a breakpoint.", _RESET),
        62: XidMeaning(_HARDWARE, "The GPU's internal micro-controller halted.", _RESET),
        63: XidMeaning(
            _HARDWARE,
            "A faulty part of GPU memory was noted, to be replaced by a spare one.",
            "Nothing at once; the replacement takes effect at the GPU's next reset.",
        ),
        64: XidMeaning(_HARDWARE, "A faulty part of GPU memory could not be replaced by a spare one.", _RESET),
        66: XidMeaning(None, "The driver accessed a register that it must not.", _REPORT),
        67: XidMeaning(None, "The driver accessed a register that it must not.", _REPORT),
        68: XidMeaning(_APPLICATION, "The video decoder reported an error.", _RESTART),
        69: XidMeaning(None, "A program used the GPU's compute or graphics class wrongly.", _CHECK_PROGRAM),
        74: XidMeaning(_HARDWARE, "A connection to another GPU or switch over NVLink reported an error.", _LINKS),
        78: XidMeaning(None, "A virtual GPU could not be started.", "Update the vGPU software of host and guest."),
        79: XidMeaning(
            _HARDWARE,
            "The GPU has fallen off the bus: it does not answer over PCIe.",
            "Restart the machine; check power, cooling and seating, and contact the vendor if it happens again.",
        ),
        80: XidMeaning(None, "Commands were damaged on their way to the GPU.", _CHECK_PROGRAM),
        92: XidMeaning(
            _HARDWARE, "GPU memory has many errors that ECC corrected.", "Nothing at once; contact the vendor."
        ),
        93: XidMeaning(_HARDWARE, "The board's own store (InfoROM) was written more often than planned.", _VENDOR),
        94: XidMeaning(
            _HARDWARE,
            "An uncorrectable memory error was contained to one program.",
            "Restart the program that failed, and reset the GPU when convenient.",
        ),
        95: XidMeaning(
            _HARDWARE,
            "An uncorrectable memory error was not contained and may affect every program on the GPU.",
            "Stop all programs on the GPU and reset it before they start again.",
        ),
        106: XidMeaning(None, "A test message of the board's management controller.", _NOTHING),
        107: XidMeaning(None, "A test message of the board's management controller.", _NOTHING),
        109: XidMeaning(_APPLICATION, "A program did not let go of the GPU in time for another one.", _RESET),
        110: XidMeaning(None, "The GPU's security checks reported a fault.", _RESET),
        119: XidMeaning(_HARDWARE, "The GPU's system processor (GSP) did not answer the driver in time.", _RESET),
        120: XidMeaning(_HARDWARE, "The firmware on the GPU's system processor (GSP) failed.", _RESET),
        121: XidMeaning(_HARDWARE, "The chip-to-chip link between CPU and GPU reported an error.", _REPORT),
        136: XidMeaning(_HARDWARE, "An NVLink could not be brought up.", _RESET),
        137: XidMeaning(None, "An access to another GPU's memory over NVLink was illegal.", _CHECK_PROGRAM),
        140: XidMeaning(_HARDWARE, "GPU memory had an ECC error from which the GPU did not recover.", _RESET),
        141: XidMeaning(None, "CUDA's fast path to the GPU reported an error.", _REPORT),
        143: XidMeaning(_HARDWARE, "The GPU could not be initialised.", _RESET),
        154: XidMeaning(
            None,
            "What the GPU needs to recover from earlier errors has changed.",
            "Look at the XID errors before this one and at the recovery action in nvidia-smi -q.",
        ),
        155: XidMeaning(
            None, "The driver took an NVLink down.", "Look for other errors; reset the GPU if work failed."
        ),
        156: XidMeaning(_HARDWARE, "A faulty part of the GPU is to be put out of use.", _RESET),
        157: XidMeaning(_HARDWARE, "A faulty part of the GPU could not be put out of use.", _VENDOR),
        158: XidMeaning(_HARDWARE, "The GPU did not answer in time and cannot go on.", _RESET),
    }
)


def meaning_of(xid: int) -> XidMeaning | None:
    """Return what an XID error means, ``None`` for one that is not in the table.

    Args:
        xid: Its number.
    """
    return _MEANINGS.get(xid)
