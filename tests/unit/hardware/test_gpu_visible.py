"""Which GPUs are sampled, and which CUDA ordinal each of them has."""

import logging
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from fake_nvml.driver import mig_uuid, program_environment
from paddle_otel.hardware.nvml.visible import Candidate, chosen, cuda_uuids, ordinals, visible_devices
from paddle_otel.hardware.once_log import OnceLog

H100, L4 = "NVIDIA H100 80GB HBM3", "NVIDIA L4"


def _uuid(index: int) -> str:
    """UUIDs that begin differently, except those of the GPUs 2 and 3."""
    return f"GPU-{'ABCC'[index]}{index}000000-0000-4000-8000-00000000000{index}".lower().replace("gpu", "GPU")


def _gpus(*names: str) -> list[Candidate]:
    return [Candidate(_uuid(index), name, index, f"00000000:{index + 8:02X}:00.0") for index, name in enumerate(names)]


def _part(index: int, gpu_instance: int, compute_instance: int = 0) -> Candidate:
    uuid = mig_uuid(index, gpu_instance, compute_instance)
    return Candidate(uuid, "MIG 1g.10gb", index, None, _uuid(index), (gpu_instance, compute_instance))


ALIKE = _gpus(H100, H100, H100, H100)
MIXED = _gpus(L4, H100)
# GPU 1 is split into two parts.
SPLIT = [*_gpus(H100, H100), _part(1, 1), _part(1, 2)]
FIRST_PART, SECOND_PART = SPLIT[2], SPLIT[3]


def _indices(devices: Sequence[Candidate] | None) -> list[int] | None:
    return None if devices is None else [device.index for device in devices]


def _not_asked(_: Candidate) -> bool | None:
    raise AssertionError


def _chosen(
    setting: str,
    candidates: Sequence[Candidate],
    *,
    uses: Callable[[Candidate], bool | None] = _not_asked,
    **environ: str,
) -> set[str]:
    return set(chosen(setting, candidates, environ, uses, OnceLog()))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0,1,2,3", [0, 1, 2, 3]),
        ("2,0", [2, 0]),
        (" 1 , 3 ", [1, 3]),
        ("3", [3]),
        ("1abc", [1]),
        ("01,2", [1, 2]),
        # Nothing.
        ("", []),
        ("-1", []),
        ("NoDevFiles", []),
        ("none", []),
        ("all", []),
        ("void", []),
        (",0", []),
        (" ", []),
        ("+1", []),
        ("0x1", [0]),
        # Ends at the first entry that is invalid.
        ("0,2,-1,1", [0, 2]),
        ("1,4,0", [1]),
        ("1,,0", [1]),
        ("1,99999999999999999999,0", [1]),
        ("0,\u0663", [0]),
        ("0,\u00b2", [0]),
        ("0,GPU-b1000000", [0]),
        # Twice the same hides all, unless reading ended before.
        ("0,1,0", []),
        ("0,00", []),
        ("0,-1,0", [0]),
        # UUIDs.
        (_uuid(2), [2]),
        (f"{_uuid(3)},{_uuid(0)}", [3, 0]),
        ("GPU-b1", [1]),
        ("GPU-b", [1]),
        ("gpu-B1", [1]),
        ("GPU-c", []),
        ("GPU-c2,GPU-c", [2]),
        ("GPU-", []),
        ("GPU", []),
        ("a0000000-0000-4000-8000-000000000000", []),
        ("GPU-b,1", [1]),
        ("GPU-b,GPU-b1", []),
        ("GPU-f,GPU-b", []),
        ("MIG-00000001-0001", []),
        ("\udcff", []),
    ],
)
def test_what_cuda_visible_devices_leaves(text: str, expected: list[int]) -> None:
    """Read as CUDA reads it, and in that order."""
    devices = visible_devices(ALIKE, {"CUDA_VISIBLE_DEVICES": text})
    assert _indices(devices) == expected
    assert _chosen("visible", ALIKE, CUDA_VISIBLE_DEVICES=text) == {_uuid(index) for index in expected}
    if expected:
        assert ordinals(ALIKE, {"CUDA_VISIBLE_DEVICES": text}) == {
            _uuid(index): ordinal for ordinal, index in enumerate(expected)
        }


def test_everything_is_visible_by_default() -> None:
    """In the order of NVML's indices, in whatever order the candidates come."""
    backwards = [*reversed(ALIKE)]
    assert _indices(visible_devices(backwards, {})) == [0, 1, 2, 3]
    assert _chosen("visible", backwards) == {_uuid(index) for index in range(4)}
    assert ordinals(backwards, {}) == {_uuid(index): index for index in range(4)}


def test_no_gpu_at_all() -> None:
    """Nothing to choose from is no trouble."""
    for setting in ("visible", "all", "used", ""):
        assert _chosen(setting, [], CUDA_VISIBLE_DEVICES="0") == set()
    assert ordinals([], {}) == {}


@pytest.mark.parametrize("text", ["1," * 5000, "9" * 10_000, "GPU-" + "a" * 10_000, "," * 10_000, "\u00e9" * 10_000])
def test_very_long_value(text: str) -> None:
    """Ten kilobytes of it are read as far as they make sense."""
    assert visible_devices(ALIKE, {"CUDA_VISIBLE_DEVICES": text}) == ()


@pytest.mark.parametrize(
    "gpus", [MIXED, [replace(gpu, name=None) for gpu in MIXED], [ALIKE[0], replace(ALIKE[1], name=None)]]
)
@pytest.mark.parametrize("order", [{}, {"CUDA_DEVICE_ORDER": "FASTEST_FIRST"}, {"CUDA_DEVICE_ORDER": "pci"}])
def test_numbers_in_an_order_that_cannot_be_told(
    gpus: list[Candidate], order: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    """All GPUs are sampled and none has an ordinal; one line says so."""
    caplog.set_level(logging.INFO, "paddle_otel")
    environ = {"CUDA_VISIBLE_DEVICES": "1", **order}
    log = OnceLog()
    for _ in range(3):
        assert chosen("visible", gpus, environ, _not_asked, log) == {gpu.uuid for gpu in gpus}
    assert ordinals(gpus, environ) == {}
    (record,) = caplog.records
    assert record.levelno == logging.INFO
    assert "CUDA_DEVICE_ORDER=PCI_BUS_ID" in record.getMessage()


def test_all_visible_in_an_order_that_cannot_be_told(caplog: pytest.LogCaptureFixture) -> None:
    """Which GPUs are visible is clear then, so there is nothing to say; the ordinals are not."""
    caplog.set_level(logging.INFO, "paddle_otel")
    assert _chosen("visible", MIXED) == {_uuid(0), _uuid(1)}
    assert ordinals(MIXED, {}) == {}
    assert caplog.records == []


@pytest.mark.parametrize(
    ("gpus", "environ"),
    [
        (MIXED, {"CUDA_DEVICE_ORDER": "PCI_BUS_ID", "CUDA_VISIBLE_DEVICES": "1"}),
        (MIXED, {"CUDA_VISIBLE_DEVICES": _uuid(1)}),
        (ALIKE, {"CUDA_VISIBLE_DEVICES": "1"}),
    ],
)
def test_order_that_can_be_told(gpus: list[Candidate], environ: dict[str, str]) -> None:
    """By the bus, by UUIDs in any case, and where all GPUs are alike."""
    assert chosen("visible", gpus, environ, _not_asked, OnceLog()) == {_uuid(1)}
    assert ordinals(gpus, environ) == {_uuid(1): 0}


@pytest.mark.parametrize("text", ["", "-1", "NoDevFiles", "GPU-f", "2"])
def test_nothing_visible_in_an_order_that_cannot_be_told(text: str) -> None:
    """Nothing is nothing in any order."""
    assert _chosen("visible", MIXED, CUDA_VISIBLE_DEVICES=text) == set()


@pytest.mark.parametrize("text", ["0", "1", "2", "3"])
def test_gpu_that_did_not_say_yet_which_it_is(text: str) -> None:
    """The numbers of those after it may be others, so all are sampled; lists of NVML's indices are clear."""
    known = [ALIKE[0], ALIKE[2], ALIKE[3]]
    assert _chosen("visible", known, CUDA_VISIBLE_DEVICES=text) == {gpu.uuid for gpu in known}
    assert ordinals(known, {"CUDA_VISIBLE_DEVICES": text}) == ordinals(known, {}) == {}
    assert ordinals(known, {"CUDA_VISIBLE_DEVICES": _uuid(2)}) == {_uuid(2): 0}
    assert _chosen("2", known) == {_uuid(2)}


def test_single_gpu_without_a_name() -> None:
    """One GPU has one order."""
    gpu = replace(ALIKE[0], name=None)
    assert ordinals([gpu], {"CUDA_VISIBLE_DEVICES": "0"}) == {gpu.uuid: 0}


def test_no_visible_gpu_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    """With the way to sample them all the same; a machine without GPUs has nothing to say."""
    caplog.set_level(logging.INFO, "paddle_otel")
    log = OnceLog()
    environ = {"CUDA_VISIBLE_DEVICES": ""}
    assert chosen("visible", [], environ, _not_asked, log) == frozenset()
    assert caplog.records == []
    for _ in range(3):
        assert chosen("visible", ALIKE, environ, _not_asked, log) == frozenset()
    (record,) = caplog.records
    assert record.levelno == logging.INFO
    assert "PADDLE_OTEL_GPUS=all" in record.getMessage()


@pytest.mark.parametrize(
    "text",
    [
        FIRST_PART.uuid,
        f"{FIRST_PART.uuid},{SECOND_PART.uuid}",
        f"{_uuid(0)},{FIRST_PART.uuid}",
        f"MIG-{_uuid(1)}/1/0",
        "MIG-GPU-b1/1/0",
        "MIG-GPU-b1/1/0,0",
        FIRST_PART.uuid[:18],
    ],
)
def test_single_mig_device(text: str) -> None:
    """Only the first MIG device is seen, and no GPU beside it."""
    assert _chosen("visible", SPLIT, CUDA_VISIBLE_DEVICES=text) == {FIRST_PART.uuid}
    assert ordinals(SPLIT, {"CUDA_VISIBLE_DEVICES": text}) == {FIRST_PART.uuid: 0}


@pytest.mark.parametrize(
    "text",
    [
        "MIG-",
        "MIG-GPU-",
        f"MIG-{_uuid(1)}",
        f"MIG-{_uuid(1)}/1",
        f"MIG-{_uuid(1)}/1/0/0",
        f"MIG-{_uuid(1)}/9/0",
        f"MIG-{_uuid(1)}/x/0",
        f"MIG-{_uuid(0)}/1/0",
        "MIG-/1/0",
        "MIG-GPU-/1/0",
        f"{_uuid(1)}/1/0",
        f"{FIRST_PART.uuid},{FIRST_PART.uuid}",
        f"MIG-{_uuid(1)}/1/0,{FIRST_PART.uuid}",
        FIRST_PART.uuid[:12],
        mig_uuid(1, 3, 0),
        f"GPU-{FIRST_PART.uuid[4:]}",
    ],
)
def test_what_names_no_mig_device(text: str) -> None:
    """Unknown, ambiguous, incomplete or named twice."""
    assert _chosen("visible", SPLIT, CUDA_VISIBLE_DEVICES=text) == set()


def test_old_driver_has_mig_uuids_of_the_old_form() -> None:
    """There the UUID itself names the place."""
    part = replace(FIRST_PART, uuid=f"MIG-{_uuid(1)}/1/0", instance=None)
    assert _chosen("visible", [*SPLIT[:2], part], CUDA_VISIBLE_DEVICES=part.uuid) == {part.uuid}


def test_old_uuid_that_another_one_begins_with() -> None:
    """The device that is meant has exactly this UUID."""
    parts = [replace(FIRST_PART, uuid=f"MIG-{_uuid(1)}/{place}", instance=None) for place in ("1/1", "1/10", "1/11")]
    for part in parts:
        assert _chosen("visible", [*SPLIT[:2], *parts], CUDA_VISIBLE_DEVICES=part.uuid) == {part.uuid}


def test_mig_device_of_an_unknown_place() -> None:
    """No number names it, and what is no number neither."""
    part = replace(FIRST_PART, instance=(None, 0))
    assert _chosen("visible", [*SPLIT[:2], part], CUDA_VISIBLE_DEVICES=f"MIG-{_uuid(1)}/x/0") == set()


@pytest.mark.parametrize("text", ["GPU-", "GPU", "G", "MIG-", "MIG-GPU-", "M", "MIG-GPU-/1/0"])
def test_beginning_that_is_too_short(text: str) -> None:
    """It takes a digit of the UUID, also where there is but one device."""
    old_part = replace(FIRST_PART, uuid=f"MIG-{_uuid(1)}/1/0")
    for candidates in (ALIKE[:1], [SPLIT[1], FIRST_PART], [SPLIT[1], old_part]):
        assert _chosen("visible", candidates, CUDA_VISIBLE_DEVICES=text) == set()


@pytest.mark.parametrize(("setting", "text"), [("visible", "1"), ("visible", _uuid(1)), ("1", ""), (_uuid(1), "")])
def test_parts_come_with_their_gpu(setting: str, text: str) -> None:
    """However the GPU is named. CUDA shows one part of it, and from the outside nobody can tell its ordinal."""
    assert _chosen(setting, SPLIT, CUDA_VISIBLE_DEVICES=text) == {_uuid(1), FIRST_PART.uuid, SECOND_PART.uuid}
    assert ordinals(SPLIT, {"CUDA_VISIBLE_DEVICES": text}) == {}


def test_ordinals_beside_a_split_gpu() -> None:
    """Unknown while it is visible, known once it is not."""
    assert ordinals(SPLIT, {}) == {}
    assert ordinals(SPLIT, {"CUDA_VISIBLE_DEVICES": "0"}) == {_uuid(0): 0}


@pytest.mark.parametrize("setting", ["all", " ALL "])
def test_all(setting: str) -> None:
    """Whatever CUDA leaves."""
    assert _chosen(setting, SPLIT, CUDA_VISIBLE_DEVICES="0") == {candidate.uuid for candidate in SPLIT}


@pytest.mark.parametrize("setting", ["", "  ", "Visible"])
def test_visible_is_the_default(setting: str) -> None:
    """An empty setting is none."""
    assert _chosen(setting, ALIKE, CUDA_VISIBLE_DEVICES="2") == {_uuid(2)}


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        ("0", {0}),
        ("3, 1", {1, 3}),
        ("1,1", {1}),
        ("0,", {0}),
        (f"{_uuid(3)},GPU-a", {0, 3}),
        ("GPU-b,2", {1, 2}),
    ],
)
def test_list_of_gpus(setting: str, expected: set[int], caplog: pytest.LogCaptureFixture) -> None:
    """NVML's indices and UUIDs, mixed at will; CUDA_VISIBLE_DEVICES is not asked."""
    assert _chosen(setting, ALIKE, CUDA_VISIBLE_DEVICES="") == {_uuid(index) for index in expected}
    assert caplog.records == []


def test_indices_are_nvmls_whatever_order_cuda_has() -> None:
    """A list is read in one way on every machine."""
    assert _chosen("1", MIXED) == {_uuid(1)}


def test_single_mig_device_by_setting() -> None:
    """It comes alone."""
    assert _chosen(SECOND_PART.uuid, SPLIT) == {SECOND_PART.uuid}


@pytest.mark.parametrize(
    "unknown", ["9", "GPU-f", "GPU-c", "MIG-1", "used", "all", "-1", "1 2", "2x", "\u0663", "\u00b2", "9" * 5000]
)
def test_entry_that_names_no_gpu(unknown: str, caplog: pytest.LogCaptureFixture) -> None:
    """It is said once with the GPUs there are; the other entries count."""
    log = OnceLog()
    for _ in range(3):
        assert chosen(f"1,{unknown}", ALIKE, {}, _not_asked, log) == {_uuid(1)}
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    message = record.getMessage()
    assert ascii(unknown[:48]) in message
    assert all(f"{index} = {_uuid(index)}" in message for index in range(4))


def test_many_entries_that_name_no_gpu(caplog: pytest.LogCaptureFixture) -> None:
    """The log line stays readable, and no control character gets into it."""
    many = ",".join(f"\n\x1b[31mbad{number}" for number in range(1000))
    assert _chosen(many, ALIKE) == set()
    (message,) = caplog.messages
    assert "and 992 more" in message
    assert len(message) < 1000
    assert message.isprintable()


def test_list_on_a_machine_without_gpus(caplog: pytest.LogCaptureFixture) -> None:
    """Also said."""
    assert _chosen("0", []) == set()
    assert caplog.messages[0].endswith("The GPUs: none.")


def test_used_gpus() -> None:
    """Those of which it is known; CUDA_VISIBLE_DEVICES is not asked."""
    used = {_uuid(1), _uuid(2)}
    assert _chosen("used", ALIKE, uses=lambda gpu: gpu.uuid in used, CUDA_VISIBLE_DEVICES="0") == used
    assert _chosen("USED", ALIKE, uses=lambda _: False) == set()
    assert _chosen("used", ALIKE, uses=lambda _: None) == set()


def test_used_parts() -> None:
    """Of a GPU that is split the parts are asked, not the GPU."""
    asked: list[str] = []

    def uses(candidate: Candidate) -> bool:
        asked.append(candidate.uuid)
        return candidate is SECOND_PART

    assert _chosen("used", SPLIT, uses=uses) == {SECOND_PART.uuid}
    assert asked == [_uuid(0), FIRST_PART.uuid, SECOND_PART.uuid]


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({"FLAGS_selected_gpus": "1"}, {1}),
        ({"FLAGS_selected_gpus": "1", "CUDA_VISIBLE_DEVICES": "3,2"}, {2}),
        ({"FLAGS_selected_gpus": " 0, 1", "CUDA_VISIBLE_DEVICES": "3,2"}, {2, 3}),
        ({"FLAGS_selected_gpus": "2", "CUDA_VISIBLE_DEVICES": "3,2"}, set[int]()),
        ({"FLAGS_selected_gpus": "0,x"}, set[int]()),
        ({"FLAGS_selected_gpus": ""}, set[int]()),
        ({"FLAGS_selected_gpus": "-1"}, set[int]()),
        ({"FLAGS_selected_gpus": "9" * 5000}, set[int]()),
        ({"FLAGS_selected_gpus": "0", "CUDA_VISIBLE_DEVICES": ""}, set[int]()),
    ],
)
def test_gpu_that_the_launcher_gave_this_rank(environ: dict[str, str], expected: set[int]) -> None:
    """An ordinal among the visible GPUs; it counts where the driver cannot tell who uses a GPU."""
    assert _chosen("used", ALIKE, uses=lambda _: None, **environ) == {_uuid(index) for index in expected}


def test_launchers_choice_does_not_overrule_the_driver() -> None:
    """A GPU that this process is known not to use is not used."""
    assert _chosen("used", ALIKE, uses=lambda gpu: gpu.index == 2, FLAGS_selected_gpus="1") == {_uuid(2)}


def test_launchers_choice_in_an_order_that_cannot_be_told() -> None:
    """Then nobody knows which GPU it is."""
    assert _chosen("used", MIXED, uses=lambda _: None, FLAGS_selected_gpus="0") == set()


def test_launchers_choice_does_not_hide_visible_gpus() -> None:
    """All ranks see all GPUs: another one takes over when the rank that reports a GPU dies."""
    assert _chosen("visible", ALIKE, FLAGS_selected_gpus="1") == {_uuid(index) for index in range(4)}


FAKE_CUDA = """
#include <string.h>
int initialised, calls, devices = 2, failing_device = -1;
int cuInit(unsigned flags) { (void)flags; initialised = 1; return 0; }
int cuDeviceGetCount(int *count) { calls++; if (!initialised) return 3; *count = devices; return 0; }
int cuDeviceGet(int *device, int ordinal) {
    calls++;
    if (!initialised) return 3;
    *device = 10 + ordinal;
    return ordinal == failing_device ? 101 : 0;
}
#ifndef BEFORE_11_4
int cuDeviceGetUuid_v2(unsigned char *uuid, int device) {
    calls++;
    memset(uuid, 0, 16);
    uuid[0] = device == 10 ? 0xb1 : 0xa0;
    uuid[6] = 0x40;
    uuid[8] = 0x80;
    uuid[15] = device == 10 ? 1 : 0;
    return initialised ? 0 : 3;
}
#endif
"""
"""A CUDA driver that shows GPU 1 as 0 and GPU 0 as 1, once it is initialised."""

PROGRAM = """
import ctypes, os, sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from test_gpu_visible import MIXED, ALIKE, SPLIT, cuda_uuids, ordinals

def loaded():
    return "libcuda.so" in Path("/proc/self/maps").read_text()
"""


@pytest.fixture(name="run_with_cuda")
def _run_with_cuda(tmp_path: Path) -> Callable[..., str]:
    """Run code in a program that can load that driver as ``sys.argv[1]``; return what it prints."""

    def run(code: str, *defines: str) -> str:
        source = tmp_path / "cuda.c"
        source.write_text(FAKE_CUDA)
        library = tmp_path / "libcuda.so.1"
        options = ["-shared", "-fPIC", "-Wl,-soname,libcuda.so.1", *(f"-D{define}" for define in defines)]
        subprocess.run(["cc", *options, "-o", str(library), str(source)], check=True)
        environment = program_environment(LD_LIBRARY_PATH=str(tmp_path))
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM + code, str(library), str(Path(__file__).parent)],
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    return run


def test_cuda_is_not_asked_before_the_program_loads_it(run_with_cuda: Callable[..., str]) -> None:
    """It could be found, and is not loaded; the environment tells the ordinals."""
    code = "print(cuda_uuids(), ordinals(ALIKE, {'CUDA_VISIBLE_DEVICES': '3'}) == {ALIKE[3].uuid: 0}, loaded())"
    assert run_with_cuda(code) == "None True False"


def test_cuda_that_is_loaded_is_not_initialised(run_with_cuda: Callable[..., str]) -> None:
    """It is asked how many devices it shows, and says that it is not initialised."""
    code = """
cuda = ctypes.CDLL(sys.argv[1])
value = lambda name: ctypes.c_int.in_dll(cuda, name).value
print(cuda_uuids(), ordinals(MIXED, {}), value("initialised"), value("calls"))
"""
    assert run_with_cuda(code) == "None {} 0 2"


def test_cuda_that_is_initialised_tells_the_ordinals(run_with_cuda: Callable[..., str]) -> None:
    """Whatever the environment says by now, and in CUDA's own order; a GPU that CUDA does not show has none."""
    code = """
cuda = ctypes.CDLL(sys.argv[1])
cuda.cuInit(0)
print(ordinals(MIXED, {"CUDA_VISIBLE_DEVICES": ""}) == {MIXED[1].uuid: 0, MIXED[0].uuid: 1})
print(ordinals(ALIKE, {}) == {ALIKE[1].uuid: 0, ALIKE[0].uuid: 1})
print(ordinals(MIXED[:1], {}) == {MIXED[0].uuid: 1})
"""
    assert run_with_cuda(code).split() == ["True"] * 3


def test_mig_device_has_the_ordinal_that_cuda_tells(run_with_cuda: Callable[..., str]) -> None:
    """CUDA tells a MIG device's own UUID."""
    code = """
from dataclasses import replace
ctypes.CDLL(sys.argv[1]).cuInit(0)
part = replace(SPLIT[2], uuid="MIG-" + MIXED[1].uuid[4:])
print(ordinals([replace(SPLIT[0], uuid="GPU-f"), replace(SPLIT[1], uuid="GPU-e"), part], {}) == {part.uuid: 0})
"""
    assert run_with_cuda(code) == "True"


def test_cuda_that_shows_no_device(run_with_cuda: Callable[..., str]) -> None:
    """Then none has an ordinal, whatever the environment says by now."""
    code = """
cuda = ctypes.CDLL(sys.argv[1])
cuda.cuInit(0)
ctypes.c_int.in_dll(cuda, "devices").value = 0
print(cuda_uuids(), ordinals(ALIKE, {}))
"""
    assert run_with_cuda(code) == "[] {}"


def test_cuda_that_fails_tells_nothing(run_with_cuda: Callable[..., str]) -> None:
    """Half of the ordinals would be wrong ones."""
    code = """
cuda = ctypes.CDLL(sys.argv[1])
cuda.cuInit(0)
ctypes.c_int.in_dll(cuda, "failing_device").value = 1
print(cuda_uuids())
"""
    assert run_with_cuda(code) == "None"


def test_driver_that_cannot_tell_mig_devices_apart_is_not_asked(run_with_cuda: Callable[..., str]) -> None:
    """Before CUDA 11.4 it tells the whole GPU's UUID for a MIG device."""
    assert run_with_cuda("ctypes.CDLL(sys.argv[1]).cuInit(0); print(cuda_uuids())", "BEFORE_11_4") == "None"


def test_platform_without_a_way_to_ask_only_what_is_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Windows: nothing is asked."""
    monkeypatch.delattr("os.RTLD_NOLOAD", raising=False)
    assert cuda_uuids() is None
