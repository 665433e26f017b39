"""What a rule is."""

from collections.abc import Collection, Iterable
from typing import Protocol

from paddle_otel.diagnosis.finding import Finding
from paddle_otel.sampling.snapshot import Snapshot


class Rule(Protocol):
    """Looks at each snapshot and says what it found, once for each episode.

    All methods are called on the sampler's thread, but for :meth:`forget`, which is also called in a forked child. A
    rule costs the same at every snapshot, and what it remembers is bounded.
    """

    @property
    def name(self) -> str:
        """What it looks for; names it in log lines."""
        ...

    @property
    def ongoing(self) -> Collection[str]:
        """The claims of the findings whose episodes have not ended."""
        ...

    def look(self, snapshot: Snapshot) -> Iterable[Finding]:
        """Return what is new in a snapshot."""
        ...

    def forget(self) -> None:
        """Begin anew: the next snapshot continues nothing."""
        ...
