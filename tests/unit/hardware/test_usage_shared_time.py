"""The clocks by which operations that run at the same time are told apart."""

from paddle_otel.hardware.nvml.shared_time import CHANGES_KEPT, Moment, SharedTime


def test_share_goes_slower_the_more_run() -> None:
    """By the number that run, and not at all while none does; overlap is the time with more than one."""
    time = SharedTime()
    time.change(100, 1)
    time.change(200, 2)
    time.change(300, 4)
    time.change(400, 0)
    time.change(500, 1)
    moments = [time.at(now) for now in (50, 100, 150, 200, 250, 300, 400, 450, 500, 600)]
    assert [moment.share for moment in moments] == [0, 0, 50, 100, 125, 150, 175, 175, 175, 275]
    assert [moment.overlap for moment in moments] == [0, 0, 0, 0, 50, 100, 200, 200, 200, 200]
    assert [moment.time for moment in moments] == [50, 100, 150, 200, 250, 300, 400, 450, 500, 600]


def test_rounding_gives_nothing_away() -> None:
    """Three that share ten nanoseconds have three each."""
    time = SharedTime()
    time.change(0, 3)
    assert time.at(10) == Moment(10, 3, 10)


def test_time_that_goes_back() -> None:
    """A change before the last one counts as at the same time: no clock goes back."""
    time = SharedTime()
    time.change(100, 2)
    time.change(200, 1)
    time.change(150, 2)
    assert time.at(200) == Moment(200, 50, 100)
    assert time.at(300) == Moment(300, 100, 200)


def test_only_so_many_changes_are_kept() -> None:
    """Before the oldest of them nothing is known: then its own moment is the answer."""
    time = SharedTime()
    for number in range(1, CHANGES_KEPT + 11):
        time.change(number * 10, 1)
    oldest = time.at(110)
    assert oldest == Moment(110, 100, 0)
    assert time.at(109) == time.at(0) == oldest
    assert time.at(111) == Moment(111, 101, 0)
