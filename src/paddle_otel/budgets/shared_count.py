"""What one process knows of one account of the shared ledger, and what it may still use without asking."""

import math
import secrets
import threading
import time
from typing import Final

from paddle_otel.budgets import window_time
from paddle_otel.budgets.ledger import Account, Taken
from paddle_otel.budgets.shared_keys import key_prefix
from paddle_otel.budgets.shared_script import Answer, Question
from paddle_otel.budgets.shared_trend import Trend

FIRST_STEPS: Final = 8
"""For how many steps tokens are set aside at first; more where they are used up quickly …"""
MOST_AHEAD: Final = 4096
"""… but never more tokens than this, nor more than a part of what is left."""
QUICKLY: Final = 0.05
SLOWLY: Final = 0.5
IDLE: Final = 1.0
"""After how many seconds without use nothing is held any more."""
SHARE: Final = 16
"""While others hold tokens too, a process is given this part of what is left at most; the script says the same."""
FAR: Final = 8
"""The end of a budget is far while more than this part of it is left."""
KEPT_BUCKETS: Final = 2
SAFE: Final = 8.0
"""For how many seconds after the question what is set aside may be used; Redis takes it back after 10."""


class Count:
    """One account. Whoever calls a method holds :attr:`lock`, which a finalizer may take while its thread has it.

    So nothing is called between reading a number and writing it.

    Args:
        account: Whose.

    Attributes:
        used: What this process has used in this bucket.
        secured: Up to where its use is granted; what is above was used without a grant.
        requests: How many requests spend from it now.
        needed: Tokens that are being waited for.
        asked: How many questions were made.
        answered: Which of them was answered last.
        heard: When, ``time.monotonic()``; ``None`` for never.
        touched: When something was last used or begun.
        answer: Is set at the next answer; ``None`` while nobody waits.
        left: What nobody had used or set aside when it was last asked.
        is_queued: Whether it is to be asked about.
        is_leaving: Whether the next question is the last one.
        wants_ahead: Whether it should hold more for its next steps.
    """

    __slots__ = (
        "_ahead",
        "_asked_at",
        "_asked_bucket",
        "_bucket",
        "_earlier",
        "_ends",
        "_grown",
        "_held",
        "_id",
        "_is_told",
        "_kind",
        "_others",
        "_prefix",
        "_previous",
        "_refill_at",
        "_reported",
        "_seconds",
        "_trend",
        "_usable_until",
        "account",
        "answer",
        "answered",
        "asked",
        "heard",
        "is_leaving",
        "is_queued",
        "left",
        "limit",
        "lock",
        "needed",
        "requests",
        "secured",
        "sought",
        "touched",
        "used",
        "wants_ahead",
    )

    def __init__(self, account: Account) -> None:
        self.account: Final = account
        self._prefix = key_prefix(account.scope, account.budget, account.subject, account.window)
        self._kind = account.window.kind
        self._seconds = account.window.seconds
        self.lock: Final = threading.RLock()
        self.limit = 0
        self.begin_anew()

    def begin_anew(self) -> None:
        """Begin as somebody who has used nothing."""
        now = time.monotonic()
        self._id = secrets.token_hex(6)
        self.used = self.secured = self.needed = self.asked = self.answered = self.requests = self.left = 0
        self.heard: float | None = None
        self.sought: float | None = None
        self.touched = now
        self.answer: threading.Event | None = None
        self.is_queued = self.is_leaving = self.wants_ahead = self._is_told = False
        self._ahead = self._others = self._held = self._previous = self._reported = self._refill_at = 0
        self._grown = self._asked_at = 0.0
        self._trend = Trend()
        self._earlier: tuple[tuple[int, int], ...] = ()
        # Until Redis has said which bucket it is, the clock of this machine says so.
        self._bucket, self._asked_bucket, self._ends = 0, 0, math.inf
        self._usable_until = 0.0
        if self._kind != "none":
            bucket = time.time() / self._seconds
            self._bucket = int(bucket)
            self._ends = now + (self._bucket + 1 - bucket) * self._seconds

    def take_granted(self, want: int, limit: int, now: float) -> bool:
        """Take tokens that are set aside already."""
        if now >= self._usable_until or limit != self.limit:
            return False
        used = self.used + want
        if used > self.secured:
            return False
        self.used = used
        self.touched = now
        if used > self._refill_at:
            self.wants_ahead = True
        return True

    def need(self, want: int) -> None:
        """Note that somebody waits for tokens; the steps after it will need some too."""
        self.needed += want
        self.wants_ahead = True
        if self._ahead < FIRST_STEPS * want:
            self._ahead = min(FIRST_STEPS * want, MOST_AHEAD)

    def take_unasked(self, want: int, limit: int, now: float) -> bool:
        """Take tokens as far as this process knows that they are there; for when nobody can be asked."""
        self.roll(now)
        self.touched = now
        if want == 0:
            return self.weighted(now) < limit
        if self.weighted(now) + want > limit:
            return False
        self.used += want
        return True

    def take_of_plenty(self, want: int, now: float) -> bool:
        """Take tokens without a grant while the end is far, as far as a process is given some at a time."""
        left = self._expected_left(now)
        return left >= self.limit // FAR and self._take_at_most(left // SHARE, want, now)

    def take_step_ahead(self, want: int, now: float) -> bool:
        """Take tokens of one step without a grant: where none was taken so since Redis was last heard of.

        So a process is never further beyond a limit than by one step.
        """
        return self.used <= self.secured and want <= self.left and self.take_unasked(want, self.limit, now)

    def take_late(self, want: int, now: float) -> bool:
        """Take tokens while the answer is late: what is left where nobody else spends, and else a share of it.

        That share is what would have been given, if the others go on as they did; near the end it is none.
        """
        share = self._expected_left(now) // SHARE
        return self._take_at_most(share if self._held or self._trend.is_rising else self.left, want, now)

    def add(self, tokens: int, now: float) -> None:
        """Count tokens that were used already."""
        self.roll(now)
        self.touched = now
        self.used += tokens

    def give_back(self, tokens: int, bucket: int) -> None:
        """Return tokens of a bucket that still counts; what was granted for them stays so."""
        if bucket >= self._bucket:
            self.used -= tokens
            if self.used < 0:  # noqa: PLR1730 - max() would let a finalizer in between
                self.used = 0
            return
        self._earlier = tuple((one, max(0, n - tokens) if one == bucket else n) for one, n in self._earlier)

    def roll(self, now: float) -> None:
        """Begin the next bucket where this one is over and Redis has not said so yet."""
        if now < self._ends:
            return
        past = 1 + int((now - self._ends) / self._seconds)
        is_next = past == 1 and self._kind == "sliding"
        self._previous = self._others + self._held + self.used if is_next else 0
        self._begin_bucket(self._bucket + past, carried=0)
        self._ends += past * self._seconds
        self._others = self._held = self.secured = self._refill_at = 0

    def weighted(self, now: float) -> int:
        """Return what counts within the window, as far as this process knows."""
        used = self._others + self.used
        return self._within(used, now).used(self.account.window) if self._previous else used

    def taken(self, granted: bool, now: float) -> Taken:
        """Return the answer to who took."""
        return Taken(granted, self.weighted(now), self._bucket)

    def retry_after(self, want: int, limit: int, now: float) -> float | None:
        """Return in how many seconds tokens will fit, ``None`` for never."""
        return self._within(self._others + self._held + self.used, now).retry_after(self.account.window, want, limit)

    def begin_limit(self, limit: int) -> None:
        """Take another limit than before; what was set aside under the old one is given back."""
        self.left += limit - self.limit
        self.limit = limit
        self.secured = min(self.secured, self.used)

    def is_over(self, now: float) -> bool:
        """Whether this bucket is."""
        return now >= self._ends

    def question(self, now: float) -> Question:
        """Return what to ask and report now."""
        if now >= self._usable_until:
            self.secured = min(self.secured, self.used)  # Redis may have given it to others
        keep = min(self.pool, self.needed + MOST_AHEAD)  # not what was set aside for a request that did not fit
        self.secured = self.used + keep if keep < self.pool else self.secured
        if self.requests == 0 or (now - self.touched > IDLE and not self.needed):
            keep = min(keep, self.needed)
            hold = self.needed
            self.secured = self.used + keep  # before anybody else may have the rest
        elif self.needed or self.wants_ahead:
            hold = max(keep, self.needed + self._next_ahead(now))
        else:
            hold = keep
        self.wants_ahead = self.is_queued = False
        self.asked += 1
        self._asked_bucket, self._asked_at = self._bucket, now
        leaves, self.is_leaving = self.is_leaving, False
        question = Question(
            key=self._prefix,
            kind=self._kind,
            seconds=self._seconds,
            limit=self.limit,
            process=self._id,
            bucket=self._bucket if self._is_told else -1,
            used=self.used if self._is_told else 0,
            keep=keep,
            hold=hold,
            least=self.needed,
            leaves=leaves,
            earlier=self._earlier if self._is_told else (),
        )
        if leaves:
            self.begin_anew()  # whoever uses it all the same is somebody new for Redis
        return question

    def hear(self, asked: int, question: Question, answer: Answer, now: float) -> bool:
        """Take over an answer.

        Returns:
            Whether it was what is needed; not where the bucket that it is about is over, nor where it told the bucket
            to somebody who has used something before.
        """
        was_told, self._is_told = self._is_told, True
        if not was_told:
            self._shift(answer.bucket - self._asked_bucket)
        elif answer.bucket < self._asked_bucket:
            self._id = secrets.token_hex(6)  # the clock of Redis went back: what was reported there stays as it is
        if self._asked_bucket == answer.bucket:
            reported = question.used
        elif self._asked_bucket == self._bucket:
            self._begin_bucket(answer.bucket, self.used - question.used)
            reported = 0
        else:
            reported = 0  # it began the next bucket by itself
        if self._bucket != answer.bucket:
            return False
        self.secured = reported + answer.granted
        self._reported = reported
        self._refill_at = self.secured - self.pool // 2
        self._others, self._held, self._previous = answer.others, answer.held, answer.previous
        self._ends = math.inf if self._kind == "none" else now + answer.milliseconds / 1000
        self._usable_until = min(self._ends, self._asked_at + SAFE)
        self.left = self.limit - self.weighted(now) - self._held - self.pool
        self._trend.note(self._asked_at, self._others + self._held)
        self.heard = now
        if was_told or self.is_reported:
            self.answered = asked
            return True
        return False

    @property
    def pool(self) -> int:
        """What is set aside and not used."""
        return max(0, self.secured - self.used)

    @property
    def is_reported(self) -> bool:
        """Whether Redis knows of all that was used in this bucket, or nothing was."""
        return self.used == self._reported

    def _next_ahead(self, now: float) -> int:
        since, self._grown = now - self._grown, now
        if since < QUICKLY:
            self._ahead = min(self._ahead * 2, MOST_AHEAD)
        elif since > SLOWLY:
            self._ahead //= 2
        return self._ahead

    def _take_at_most(self, ungranted: int, want: int, now: float) -> bool:
        return self.used + want - self.secured <= ungranted and self.take_unasked(want, self.limit, now)

    def _expected_left(self, now: float) -> int:
        return max(0, self.left - self._trend.rise(now))

    def _shift(self, buckets: int) -> None:
        """Number the buckets as Redis does; so far the clock of this machine did."""
        self._bucket += buckets
        self._asked_bucket += buckets
        self._earlier = tuple((one + buckets, tokens) for one, tokens in self._earlier)

    def _begin_bucket(self, number: int, carried: int) -> None:
        """Begin a bucket with what was used since the last question, if that is to be counted in it."""
        carried = max(0, carried)
        known = (*self._earlier, (self._bucket, self.used - carried)) if number > self._bucket else self._earlier
        self._earlier = tuple(pair for pair in known if number - KEPT_BUCKETS <= pair[0] < number)
        self._bucket, self.used = number, carried
        self._trend.forget()

    def _within(self, current: int, now: float) -> window_time.Count:
        left = min(float(self._seconds), max(0.0, self._ends - now))
        return window_time.Count(current, self._previous, self._seconds - left)
