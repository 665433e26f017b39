"""Who reads the GPUs for monitors: the hardware metrics' sampler where it runs anyway, else one of their own."""

import dataclasses
import threading
import weakref
from collections.abc import Callable
from typing import Final

from paddle_otel.forking import call_in_forked_child
from paddle_otel.hardware.nvml.source import NAME, NvmlSource
from paddle_otel.hardware.nvml.visible import ALL
from paddle_otel.hardware.once_log import OnceLog
from paddle_otel.hardware.reporting import SAMPLER
from paddle_otel.monitor.observers import OBSERVERS
from paddle_otel.sampling.sampler import Sampler
from paddle_otel.sampling.snapshot import Snapshot
from paddle_otel.settings import PREFIX, Settings

OWNER: Final = "paddle_otel.monitor"
"""Owner of the sampling that monitors need."""
_AT_ONCE: Final = 0.001
"""Seconds: the next sample is due now."""

Listener = Callable[[Snapshot], None]


class Feed:
    """One sampler, and the monitors that it reads for.

    Args:
        sampler: Reads the GPUs.
        said: What was said of the driver, where that is known.
    """

    def __init__(self, sampler: Sampler, said: "Said | None" = None) -> None:
        self.sampler = sampler
        self._said = said
        self.forget()

    def forget(self) -> None:
        """Let go of all monitors; in a forked child they are the parent's."""
        self._lock = threading.RLock()
        self._earlier_errors = 0
        self._hurried = 0  # how many wait for a sample now
        self._listeners: dict[weakref.WeakMethod[Listener], float] = {}

    def add(self, listener: Listener, interval: float) -> None:
        """Have a listener told of each sample, of which there is one per interval at least.

        Args:
            listener: A bound method; told until its object is gone.
            interval: Seconds.
        """
        with self._lock:
            if not self.sampler.running:
                self._earlier_errors = self._all_errors()
            self._listeners = {**self._listeners, weakref.WeakMethod(listener): interval}
            self.sampler.subscribe(self._tell)
            self._adjust()

    def remove(self, listener: Listener | None) -> None:
        """Tell it no more, nor those that are gone; with the last one the sampler is let go."""
        with self._lock:
            self._listeners = {
                one: interval for one, interval in self._listeners.items() if one() not in (None, listener)
            }
            self._adjust()

    def hurry(self, told: threading.Event, seconds: float) -> None:
        """Have a sample taken now, whose turn it is not perhaps, and wait for it.

        Args:
            told: Set by a listener that has it.
            seconds: For how long at most.
        """
        self._waiting(1)
        try:
            told.wait(seconds)
        finally:
            self._waiting(-1)

    def _waiting(self, more: int) -> None:
        with self._lock:
            self._hurried += more
            self._adjust()

    @property
    def used(self) -> bool:
        """Whether it reads for anybody."""
        return bool(self._listeners)

    @property
    def errors(self) -> int:
        """How often the driver answered with an error since the sampler was started."""
        return self._all_errors() - self._earlier_errors

    @property
    def reason(self) -> str | None:
        """Why the driver does not answer, ``None`` when that is not known."""
        return self._said.last if self._said is not None else None

    def _all_errors(self) -> int:
        return sum(slot.errors for slot in self.sampler.sources if slot.name == NAME)

    def _adjust(self) -> None:
        if self._listeners:
            self.sampler.start(OWNER, _AT_ONCE if self._hurried else min(self._listeners.values()))
        else:
            self.sampler.stop(OWNER)

    def _tell(self, snapshot: Snapshot) -> None:
        listeners = [one() for one in self._listeners]
        for listener in listeners:
            if listener is not None:
                listener(snapshot)
        if None in listeners:  # a monitor that nobody stopped, and nobody has any more
            self.remove(None)
            OBSERVERS.look_again()


class Feeds:
    """The feeds of this process.

    Args:
        shared: The sampler of the hardware metrics.
    """

    def __init__(self, shared: Sampler) -> None:
        self._shared = Feed(shared)
        self._own: dict[str, Feed] = {}
        self._lock = threading.RLock()
        call_in_forked_child(self._forget)

    def start(self, listener: Listener, setting: str, interval: float) -> Feed:
        """Have a listener told of the GPUs from now on.

        A GPU is not read twice where the hardware metrics read it already. Where they begin later, both read: a driver
        serves both, and neither waits for the other.

        Args:
            listener: Told of each sample, on the sampler's thread.
            setting: Which GPUs are read at least, in the words of ``PADDLE_OTEL_GPUS``.
            interval: Seconds between two samples at most.

        Returns:
            What to remove the listener from.
        """
        with self._lock:
            feed = self._feed(setting)
            feed.add(listener, interval)
        return feed

    def _feed(self, setting: str) -> Feed:
        settings = Settings.from_environment()
        if (self._shared.used or self._shared.sampler.running) and settings.gpus in (setting, ALL):
            return self._shared
        if setting not in self._own:
            self._own[setting] = _own_feed(dataclasses.replace(settings, gpus=setting))
        return self._own[setting]

    def _forget(self) -> None:
        """Monitors do not go on in a forked child: what they measure is the parent's work."""
        self._lock = threading.RLock()
        self._own = {}  # with their samplers, whose threads are not there
        if self._shared.used:
            self._shared.forget()
            self._shared.sampler.stop(OWNER)  # has its new lock: it was made before this


def _own_feed(settings: Settings) -> Feed:
    said = Said()
    # The sampler's own history is of no use: each monitor keeps what it needs.
    return Feed(Sampler(lambda: [NvmlSource(settings=settings, log=said)], capacity=1), said)


class Said(OnceLog):
    """Keeps what is said of the driver for the statistics; logs what somebody should look at.

    Attributes:
        last: What was said last.
    """

    def __init__(self) -> None:
        super().__init__()
        self.last: str | None = None

    def info(self, message: str, *args: str | int) -> None:
        """Keep it."""
        self.last = message % args

    def warning(self, message: str, *args: str | int) -> None:
        """Keep and log it; but for what a monitor was asked for, which its statistics say in the words of its user."""
        self.last = message % args
        if not message.startswith(PREFIX):
            super().warning(message, *args)


FEEDS: Final = Feeds(SAMPLER)
"""Those of this process."""
