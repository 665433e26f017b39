"""XID errors: what the driver reports, and what it means."""

import os
from collections.abc import Iterator
from typing import Any

import pytest

from fake_nvml.driver import FakeDriver, uuid
from fake_nvml.sources import Clock
from paddle_otel.hardware.nvml.binding import Binding, NvmlError
from paddle_otel.hardware.nvml.xid import MOST_PER_POLL, Xid, XidWatch
from paddle_otel.hardware.nvml.xid_meanings import XidMeaning, meaning_of

CREATE, FREE, WAIT = "nvmlEventSetCreate", "nvmlEventSetFree", "nvmlEventSetWait_v2"
REGISTER, TYPES = "nvmlDeviceRegisterEvents", "nvmlDeviceGetSupportedEventTypes"
DRIVER = "nvmlDeviceGetCount_v2"  # answers as long as the driver is there

NOW = 1_700_000_000_123_456_789


class _Watch:
    """Watches GPUs, on clocks that a test moves."""

    def __init__(self, binding: Binding, clock: Clock) -> None:
        self.binding = binding
        self._clock = clock
        self.wall = NOW
        self.xids = XidWatch(binding, clock, lambda: self.wall)

    def handle(self, index: int) -> Any:
        return self.binding.call("nvmlDeviceGetHandleByIndex", index)

    def watch(self, *indices: int) -> None:
        for index in indices:
            self.xids.watch(self.handle(index), uuid(index))

    def poll(self, after: float = 1.0) -> list[tuple[str, int]]:
        self._clock.now += after
        return [(xid.uuid, xid.code) for xid in self.xids.poll()]


@pytest.fixture
def watch(fake_nvml: FakeDriver, clock: Clock) -> Iterator[_Watch]:
    """Four GPUs, none of them watched yet."""
    fake_nvml.reset(4)
    binding = Binding.load()
    binding.call("nvmlInit")
    yield _Watch(binding, clock)
    binding.call_or_none("nvmlShutdown")


def test_error_of_a_gpu(fake_nvml: FakeDriver, watch: _Watch) -> None:
    """Under its UUID, with the time at which it was noticed, once."""
    watch.watch(0, 1)
    assert watch.poll() == []
    fake_nvml.xid(1, 79)
    assert watch.xids.poll() == (Xid(uuid(1), 79, NOW),)
    assert watch.xids.poll() == ()


def test_errors_of_several_gpus(fake_nvml: FakeDriver, watch: _Watch) -> None:
    """In the order in which they happened; one set serves all GPUs."""
    watch.watch(0, 1, 2, 3)
    for device, code in ((2, 48), (0, 13), (2, 48), (3, 999)):
        fake_nvml.xid(device, code)
    assert watch.poll() == [(uuid(2), 48), (uuid(0), 13), (uuid(2), 48), (uuid(3), 999)]
    assert (fake_nvml.calls(CREATE), fake_nvml.calls(REGISTER), fake_nvml.event_sets) == (1, 4, 1)


def test_only_errors_from_then_on_of_gpus_that_are_watched(fake_nvml: FakeDriver, watch: _Watch) -> None:
    """NVML keeps none of before."""
    fake_nvml.xid(0, 13)
    watch.watch(0)
    fake_nvml.xid(1, 31)
    assert watch.poll() == []
    fake_nvml.xid(0, 31)
    assert watch.poll() == [(uuid(0), 31)]


def test_nothing_is_asked_before_a_gpu_is_watched(fake_nvml: FakeDriver, watch: _Watch) -> None:
    """No set is made for nothing."""
    assert watch.poll() == []
    watch.xids.close()
    assert fake_nvml.calls(CREATE) == fake_nvml.calls(WAIT) == fake_nvml.calls(FREE) == 0


def test_polling_never_waits(fake_nvml: FakeDriver, watch: _Watch, monkeypatch: pytest.MonkeyPatch) -> None:
    """The time limit given to NVML is 0."""
    watch.watch(0)
    limits: list[int] = []
    real_call = watch.binding.call

    def call(function: str, *args: Any) -> Any:
        limits.extend(args[1:])
        return real_call(function, *args)

    monkeypatch.setattr(watch.binding, "call", call)
    fake_nvml.xid(0, 13)
    assert watch.poll() == [(uuid(0), 13)]
    assert limits == [0, 0]


def test_storm_of_errors(fake_nvml: FakeDriver, watch: _Watch) -> None:
    """A poll takes a bounded number; the rest comes at the next ones."""
    watch.watch(0)
    for code in range(150):
        fake_nvml.xid(0, code)
    polls = [watch.poll() for _ in range(4)]
    assert [len(poll) for poll in polls] == [MOST_PER_POLL, MOST_PER_POLL, 22, 0]
    assert [code for poll in polls for _, code in poll] == [*range(150)]


def test_error_in_a_mig_device(fake_nvml: FakeDriver, watch: _Watch) -> None:
    """It is the GPU's."""
    watch.watch(0)
    fake_nvml.xid(0, 94, gpu_instance=1, compute_instance=0)
    assert watch.poll() == [(uuid(0), 94)]


@pytest.mark.parametrize("code", [0, 2**32, 2**64 - 1])
def test_any_number_is_passed_on(fake_nvml: FakeDriver, watch: _Watch, code: int) -> None:
    """Whatever the driver says happened."""
    watch.watch(0)
    fake_nvml.xid(0, code)
    assert watch.poll() == [(uuid(0), code)]
    assert meaning_of(code) is None


def test_gpu_that_reports_no_xids(fake_nvml: FakeDriver, watch: _Watch) -> None:
    """It is not registered and not asked again; the others are watched."""
    fake_nvml.set(0, event_types=0x7)
    watch.watch(0, 1)
    assert (fake_nvml.calls(REGISTER, device=0), fake_nvml.calls(REGISTER, device=1)) == (0, 1)
    fake_nvml.xid(1, 13)
    assert watch.poll() == [(uuid(1), 13)]
    watch.poll(after=100)
    assert fake_nvml.calls(TYPES, device=0) == 1


@pytest.mark.parametrize("function", [TYPES, REGISTER])
@pytest.mark.parametrize("code", [2, 3, 4, 13])
def test_gpu_that_refuses(fake_nvml: FakeDriver, watch: _Watch, function: str, code: int) -> None:
    """It is left out for good; the others are watched."""
    fake_nvml.inject(function, code, device=0)
    watch.watch(0, 1)
    fake_nvml.xid(0, 31)
    fake_nvml.xid(1, 13)
    assert watch.poll() == [(uuid(1), 13)]
    fake_nvml.inject(WAIT, 999, times=1)  # the set is made anew
    assert [watch.poll(after=100) for _ in range(3)] == [[]] * 3
    assert fake_nvml.calls(CREATE) == 2
    assert fake_nvml.calls(function, device=0) == 1


@pytest.mark.parametrize("function", [TYPES, REGISTER])
@pytest.mark.parametrize("code", [5, 15, 16, 17, 20, 23, 28, 999])
def test_gpu_that_cannot_be_registered_now(fake_nvml: FakeDriver, watch: _Watch, function: str, code: int) -> None:
    """The others are watched, in a new set if need be; it is tried again after pauses of up to a minute."""
    fake_nvml.inject(function, code, device=1)
    watch.watch(0, 1, 2)
    # What registering fails with leaves a set undefined, except that a GPU is lost (nvml.h).
    assert fake_nvml.calls(CREATE) == (2 if function == REGISTER and code not in (15, 16, 28) else 1)
    for _ in range(300):
        fake_nvml.xid(0, 13)
        fake_nvml.xid(2, 31)
        assert watch.poll() == [(uuid(0), 13), (uuid(2), 31)]
    assert 7 <= fake_nvml.calls(function, device=1) <= 14
    assert fake_nvml.event_sets == 1
    fake_nvml.heal()
    watch.poll(after=60)
    fake_nvml.xid(1, 79)
    assert watch.poll() == [(uuid(1), 79)]


def test_all_gpus_that_cannot_be_registered(fake_nvml: FakeDriver, watch: _Watch) -> None:
    """Trying ends."""
    fake_nvml.inject(REGISTER, 999)
    watch.watch(0, 1, 2, 3)
    assert watch.poll() == []
    assert fake_nvml.calls(REGISTER) <= 8
    assert fake_nvml.event_sets == 1


def test_gpu_that_is_registered_at_the_second_try(fake_nvml: FakeDriver, watch: _Watch) -> None:
    """Its pauses are short again when it fails the next time."""
    for _ in range(4):
        fake_nvml.inject(TYPES, 999, times=1)
        watch.watch(0)
        watch.poll(after=1)
        fake_nvml.xid(0, 13)
        assert watch.poll() == [(uuid(0), 13)]
        fake_nvml.inject(WAIT, 999, times=1)
        watch.poll()
        fake_nvml.inject(TYPES, 999, times=1)
        watch.poll(after=1)
        watch.poll(after=1)
        fake_nvml.xid(0, 31)
        assert watch.poll() == [(uuid(0), 31)]


@pytest.mark.parametrize("function", [CREATE, WAIT])
@pytest.mark.parametrize("code", [3, 4, 13])
def test_platform_without_events(fake_nvml: FakeDriver, watch: _Watch, function: str, code: int) -> None:
    """Asked once; nothing stays allocated."""
    fake_nvml.inject(function, code)
    watch.watch(0, 1)
    assert [watch.poll(after=100) for _ in range(5)] == [[]] * 5
    watch.watch(2)
    assert fake_nvml.calls(TYPES, device=2) == 0
    assert fake_nvml.calls(function) == 1
    assert fake_nvml.event_sets == 0


@pytest.mark.parametrize("function", [CREATE, WAIT])
@pytest.mark.parametrize("code", [5, 17, 20, 23, 999])
def test_failure_passes(fake_nvml: FakeDriver, watch: _Watch, function: str, code: int) -> None:
    """The set is made anew after a pause, with all GPUs in it."""
    fake_nvml.inject(function, code, times=1)
    watch.watch(0, 1)
    watch.poll(after=0)
    assert fake_nvml.event_sets == 0
    assert watch.poll(after=0.5) == []
    assert fake_nvml.event_sets == 0
    watch.poll(after=1)
    assert fake_nvml.event_sets == 1
    fake_nvml.xid(0, 13)
    fake_nvml.xid(1, 31)
    assert watch.poll() == [(uuid(0), 13), (uuid(1), 31)]


def test_failure_is_tried_less_and_less(fake_nvml: FakeDriver, watch: _Watch) -> None:
    """At last once a minute."""
    watch.watch(0)
    fake_nvml.inject(WAIT, 999)
    assert [watch.poll() for _ in range(600)] == [[]] * 600
    assert 10 <= fake_nvml.calls(WAIT) <= 18
    assert fake_nvml.event_sets == 1 or fake_nvml.calls(CREATE) == fake_nvml.calls(FREE)


def test_pause_is_short_again_after_success(fake_nvml: FakeDriver, watch: _Watch) -> None:
    """A failure long ago is forgotten."""
    watch.watch(0)
    for _ in range(3):
        fake_nvml.inject(WAIT, 999, times=1)
        watch.poll()
        assert fake_nvml.event_sets == 0
        watch.poll(after=1.0)
        assert fake_nvml.event_sets == 1
        watch.poll()
        fake_nvml.heal()


def test_failure_after_errors_were_taken(fake_nvml: FakeDriver, watch: _Watch) -> None:
    """They are returned, also when the driver goes right then."""
    watch.watch(0)
    fake_nvml.xid(0, 13)
    fake_nvml.inject(WAIT, 0, times=1)
    fake_nvml.inject(WAIT, 1)
    fake_nvml.inject(DRIVER, 1)
    assert watch.poll() == [(uuid(0), 13)]
    with pytest.raises(NvmlError):
        watch.poll()


def test_gpu_that_is_lost_while_it_is_watched(fake_nvml: FakeDriver, watch: _Watch) -> None:
    """When waiting fails for its sake, the set is made anew without it, and the others are heard of."""
    watch.watch(0, 1)
    fake_nvml.inject(TYPES, 15, device=1)
    fake_nvml.inject(WAIT, 15, times=1)
    assert watch.poll() == []
    watch.poll(after=2)
    assert fake_nvml.calls(REGISTER, device=1) == 1
    fake_nvml.xid(0, 13)
    assert watch.poll() == [(uuid(0), 13)]
    fake_nvml.heal()
    watch.watch(1)
    fake_nvml.xid(1, 31)
    assert watch.poll() == [(uuid(1), 31)]


def test_lost_gpu_that_is_not_watched_any_more(fake_nvml: FakeDriver, watch: _Watch) -> None:
    """It is not tried again."""
    fake_nvml.inject(TYPES, 15, device=1)
    watch.watch(0, 1)
    watch.xids.unwatch(uuid(1))
    asked = fake_nvml.calls(TYPES, device=1)
    watch.poll(after=100)
    assert fake_nvml.calls(TYPES, device=1) == asked


def test_gpu_that_is_not_watched_any_more(fake_nvml: FakeDriver, watch: _Watch) -> None:
    """What happened before is not lost, neither its own errors nor those of others."""
    watch.watch(0, 1)
    fake_nvml.xid(1, 79)
    fake_nvml.xid(0, 13)
    watch.xids.unwatch(uuid(1))
    watch.xids.unwatch("GPU-unknown")
    fake_nvml.xid(1, 31)
    fake_nvml.xid(0, 43)
    assert watch.poll() == [(uuid(1), 79), (uuid(0), 13), (uuid(0), 43)]
    assert fake_nvml.event_sets == 1


def test_last_gpu_that_is_not_watched_any_more(fake_nvml: FakeDriver, watch: _Watch) -> None:
    """Its errors of before still come, then nothing is asked."""
    watch.watch(0)
    fake_nvml.xid(0, 79)
    watch.xids.unwatch(uuid(0))
    assert fake_nvml.event_sets == 0
    assert watch.poll() == [(uuid(0), 79)]
    waits = fake_nvml.calls(WAIT)
    assert watch.poll() == []
    assert fake_nvml.calls(WAIT) == waits


def test_gpu_that_is_watched_again(fake_nvml: FakeDriver, watch: _Watch) -> None:
    """After a reset: in a new set, because NVML does not say what registering twice does. No error is lost."""
    watch.watch(0, 1)
    fake_nvml.xid(1, 13)
    watch.watch(0)
    fake_nvml.xid(0, 31)
    assert watch.poll() == [(uuid(1), 13), (uuid(0), 31)]
    assert (fake_nvml.calls(CREATE), fake_nvml.event_sets) == (2, 1)


def test_driver_that_goes_after_errors_were_taken(fake_nvml: FakeDriver, watch: _Watch) -> None:
    """They are returned, and the next poll says so."""
    fake_nvml.inject(TYPES, 999, device=1)
    watch.watch(0, 1)
    fake_nvml.heal()
    fake_nvml.inject(TYPES, 1)
    fake_nvml.inject(DRIVER, 1)
    fake_nvml.xid(0, 13)
    assert watch.poll() == [(uuid(0), 13)]
    with pytest.raises(NvmlError):
        watch.poll()


@pytest.mark.parametrize("code", [1, 9, 12, 18])
@pytest.mark.parametrize("function", [CREATE, TYPES, REGISTER, WAIT])
def test_driver_that_is_gone(fake_nvml: FakeDriver, watch: _Watch, function: str, code: int) -> None:
    """NVML has to be initialised again by whoever did it."""
    fake_nvml.inject(function, code)
    fake_nvml.inject(DRIVER, code)
    if function == WAIT:
        watch.watch(0)
    with pytest.raises(NvmlError) as raised:
        watch.poll() if function == WAIT else watch.watch(0)
    assert raised.value.code == code


def test_driver_reload(fake_nvml: FakeDriver, watch: _Watch) -> None:
    """The old watch can be closed, a new one works."""
    watch.watch(0)
    fake_nvml.reload()
    with pytest.raises(NvmlError):
        watch.poll()
    watch.xids.close()
    binding = Binding.load()
    binding.call("nvmlInit")
    again = XidWatch(binding)
    again.watch(watch.handle(0), uuid(0))
    fake_nvml.xid(0, 13)
    assert [xid.code for xid in again.poll()] == [13]


def test_close_frees_the_set(fake_nvml: FakeDriver, watch: _Watch) -> None:
    """Once, also when it fails, and nothing is noticed after it."""
    watch.watch(0)
    watch.xids.close()
    watch.xids.close()
    assert watch.poll() == []
    assert (fake_nvml.calls(FREE), fake_nvml.event_sets) == (1, 0)
    watch.watch(0)
    fake_nvml.inject(FREE, 999)
    watch.xids.close()


def test_child_does_not_free_its_parents_set(fake_nvml: FakeDriver, watch: _Watch) -> None:
    """It is a copy, and NVML is not initialised in the child."""
    watch.watch(0)
    pid = os.fork()
    if pid == 0:
        watch.xids.close()
        os._exit(fake_nvml.calls(FREE))
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    fake_nvml.xid(0, 13)
    assert watch.poll() == [(uuid(0), 13)]


def _wait_gives(watch: _Watch, monkeypatch: pytest.MonkeyPatch, *events: tuple[Any, int]) -> list[object]:
    """Let waiting give events with these handles and types; return those that were not taken yet."""
    real_call = watch.binding.call
    left: list[Any] = []
    for device, kind in events:
        event = real_call("c_nvmlEventData_t")
        event.eventType, event.eventData = kind, 13
        if device is not None:
            event.device = device
        left.append(event)

    def call(function: str, *args: Any) -> Any:
        return left.pop(0) if function == WAIT and left else real_call(function, *args)

    monkeypatch.setattr(watch.binding, "call", call)
    return left


def test_event_of_another_handle(fake_nvml: FakeDriver, watch: _Watch, monkeypatch: pytest.MonkeyPatch) -> None:
    """The GPU is asked who it is; if it does not say, the error is nobody's. Neither is one of no device."""
    watch.watch(0)
    fake_nvml.inject("nvmlDeviceGetUUID", 999, device=3)
    events = (watch.handle(2), 0x8), (watch.handle(3), 0x8), (None, 0x8), (watch.handle(0), 0x1)
    left = _wait_gives(watch, monkeypatch, *events)
    assert watch.poll() == [(uuid(2), 13)]
    assert left == []
    assert fake_nvml.calls("nvmlDeviceGetUUID") == 2


def test_events_that_are_no_errors_do_not_keep_polling(watch: _Watch, monkeypatch: pytest.MonkeyPatch) -> None:
    """A poll is bounded whatever comes."""
    watch.watch(0)
    left = _wait_gives(watch, monkeypatch, *[(None, 0x8)] * 100)
    assert watch.poll() == []
    assert len(left) == 100 - MOST_PER_POLL


@pytest.mark.parametrize(
    ("codes", "kind"),
    [
        ((13, 31, 43, 45, 68, 109), "application"),
        ((48, 57, 58, 61, 62, 63, 64, 74, 79, 92, 94, 95, 119, 120, 121, 140, 144, 150), "hardware"),
        ((8, 32, 38, 39, 56, 69, 85, 126, 135, 137, 154), None),
    ],
)
def test_who_is_to_blame(codes: tuple[int, ...], kind: str | None) -> None:
    """The program, the hardware, or nobody that the number alone could tell."""
    meanings = [meaning_of(code) for code in codes]
    assert [meaning and meaning.kind for meaning in meanings] == [kind] * len(codes)


@pytest.mark.parametrize("code", [-1, 0, 1, 14, 151, 999, 10**9])
def test_error_that_is_not_in_the_table(code: int) -> None:
    """Nothing is made up."""
    assert meaning_of(code) is None


def test_texts_are_for_people() -> None:
    """One or two short sentences each, about the GPU and not about the table."""
    known = [meaning for code in range(1000) if (meaning := meaning_of(code)) is not None]
    assert len(known) > 80
    for meaning in known:
        assert isinstance(meaning, XidMeaning)
        for text in (meaning.meaning, meaning.action):
            assert text[0].isupper()
            assert text.endswith(".")
            assert 10 < len(text) < 120
            assert text.isprintable()


@pytest.mark.parametrize(
    ("code", "words"), [(31, "not mapped"), (48, "ECC"), (74, "NVLink"), (79, "off the bus"), (119, "GSP")]
)
def test_meaning_of_well_known_errors(code: int, words: str) -> None:
    """In the words by which operators know them."""
    meaning = meaning_of(code)
    assert meaning is not None
    assert words in meaning.meaning
