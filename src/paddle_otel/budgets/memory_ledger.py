"""The ledger in the memory of this process."""

import threading
from collections.abc import Callable
from typing import Any, Final, cast

from paddle_otel.budgets.budget import Window
from paddle_otel.budgets.ledger import PASSING, Account, Taken
from paddle_otel.budgets.shelf import Shelf
from paddle_otel.budgets.window_time import Count, WindowClock
from paddle_otel.forking import call_in_forked_child

KEPT: Final = 750_000
"""So many accounts, those used last, are always kept."""
_GIVEN_UP_AT_ONCE: Final = 4  # more than what one call can add, so that what is given up does not pile up
_taken: Final[Callable[..., Taken]] = cast("Any", tuple).__new__  # as Taken(...) does, in half of its time


class MemoryLedger:
    """Counts in this process; a forked child starts with empty counts.

    Accounts whose window has passed are given up first. Among the others, the :data:`KEPT` used last are always kept,
    and never are there more than twice as many: an account that is given up starts again at 0.

    Args:
        clock: The time.
        kept: How many accounts are always kept.
    """

    def __init__(self, clock: WindowClock | None = None, kept: int = KEPT) -> None:
        self._clock: Final = WindowClock() if clock is None else clock
        self._kept: Final = kept
        self._make_anew()
        call_in_forked_child(self._make_anew)

    def _make_anew(self) -> None:
        # Reentrant: a finalizer may run at any point, and an abandoned generation ends in one.
        self._lock = threading.RLock()
        self._pages: dict[str, _Page] = {}
        self._given_up: list[dict[str, int]] = []
        self._came = 0  # accounts that came to the front since some were given up

    @property
    def accounts(self) -> int:
        """How many accounts there are, without those that are being given up."""
        with self._lock:
            return sum(len(page) for page in self._pages.values())

    def opened(self, account: Account) -> None:
        """Do nothing: there is nothing to prepare."""

    def take(self, account: Account, want: int, limit: int, since: float | None = None) -> Taken:  # noqa: ARG002 - it waits for nobody
        """Take tokens if they fit, all or none of them."""
        subject = account.subject
        with self._lock:
            page = self._page(account)
            front = page.current.front
            # What is in front has no part left behind.
            used = front[subject] if page.previous is None and subject in front else self._used(page, subject)
            if not (used + want <= limit if want else used < limit):
                return _taken(Taken, (False, used, page.bucket))
            if want:
                if subject in front:
                    front[subject] += want
                else:
                    self._bring(page, subject, want)
                if self._given_up:
                    self._tidy_up()
            return _taken(Taken, (True, used + want, page.bucket))

    def add(self, account: Account, tokens: int) -> Taken:
        """Count tokens whether they fit or not."""
        with self._lock:
            page = self._page(account)
            if tokens:
                self._bring(page, account.subject, tokens)
            return Taken(True, self._used(page, account.subject), page.bucket)

    def give_back(self, account: Account, tokens: int, bucket: int) -> None:
        """Return tokens that were taken in a bucket that still counts."""
        with self._lock:
            shelf = self._page(account).shelf_of(bucket)
            if shelf is not None:
                shelf.reduce(account.subject, tokens)

    def used(self, account: Account) -> int | None:
        """Return the tokens used within the window."""
        with self._lock:
            return self._used(self._page(account), account.subject)

    def retry_after(self, account: Account, want: int, limit: int) -> float | None:
        """Return in how many seconds tokens will fit, ``None`` for never."""
        with self._lock:
            count = self._page(account).count(account.subject, self._clock.now())
            return count.retry_after(account.window, want, limit)

    def closed(self, account: Account) -> None:
        """Forget what nobody asks for again; all else stays."""
        if account.subject.startswith(PASSING):
            with self._lock:
                page = self._pages.get(account.page)
                if page is not None:
                    page.current.drop(account.subject)

    def _page(self, account: Account) -> "_Page":
        page = self._pages.get(account.page)
        if page is None:
            page = self._pages[account.page] = _Page(account.window, self._clock.now())
        elif page.seconds and self._clock.now() >= page.ends:
            self._given_up += page.turn(self._clock.now())
        return page

    def _used(self, page: "_Page", subject: str) -> int:
        return page.count(subject, self._clock.now()).used(page.window)

    def _bring(self, page: "_Page", subject: str, tokens: int) -> None:
        if page.current.add(subject, tokens):
            self._came += 1
            if self._came >= self._kept:
                self._give_up()
        if self._given_up:
            self._tidy_up()

    def _give_up(self) -> None:
        now = self._clock.now()
        for page in self._pages.values():
            if page.seconds and now >= page.ends:
                self._given_up += page.turn(now)
        self._came = sum(page.used_lately for page in self._pages.values())
        if self._came >= self._kept:
            self._came = 0
            for page in self._pages.values():
                self._given_up += page.age()
        self._pages = {key: page for key, page in self._pages.items() if page}

    def _tidy_up(self) -> None:
        # A few at a time: to free a million at once takes a tenth of a second.
        for _ in range(_GIVEN_UP_AT_ONCE):
            while self._given_up and not self._given_up[-1]:
                self._given_up.pop()
            if not self._given_up:
                return
            self._given_up[-1].popitem()


class _Page:
    """The counts of one budget, in the bucket of now and, for a sliding window, in the one before."""

    __slots__ = ("bucket", "current", "ends", "previous", "seconds", "window")

    def __init__(self, window: Window, now: float) -> None:
        self.window: Final = window
        self.seconds: Final = window.seconds
        self.current = Shelf()
        self._begin(now)

    def __len__(self) -> int:
        return sum(len(shelf) for shelf in self._shelves())

    @property
    def used_lately(self) -> int:
        return sum(len(shelf.front) for shelf in self._shelves())

    def count(self, subject: str, now: float) -> Count:
        previous = 0 if self.previous is None else self.previous.get(subject)
        # Not after its end, though a thread may come late: the buckets are this page's.
        elapsed = min(now - self.ends + self.seconds, self.seconds) if self.seconds else 0.0
        return Count(self.current.get(subject), previous, elapsed)

    def shelf_of(self, bucket: int) -> Shelf | None:
        if bucket == self.bucket:
            return self.current
        return self.previous if bucket == self.bucket - 1 else None

    def turn(self, now: float) -> list[dict[str, int]]:
        """Begin the bucket of now; return what no longer counts."""
        over, last = self._shelves(), self.bucket
        self.current = Shelf()
        self._begin(now)
        if self.window.kind == "sliding" and self.bucket == last + 1:
            self.previous = over.pop(0)
        return [layer for shelf in over for layer in shelf.layers()]

    def age(self) -> list[dict[str, int]]:
        """Return what was not used since the last time."""
        return [shelf.age() for shelf in self._shelves()]

    def _begin(self, now: float) -> None:
        self.previous: Shelf | None = None
        self.bucket = int(now // self.seconds) if self.seconds else 0
        self.ends = float((self.bucket + 1) * self.seconds)

    def _shelves(self) -> list[Shelf]:
        return [self.current] if self.previous is None else [self.current, self.previous]
