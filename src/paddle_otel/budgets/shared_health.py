"""Whether the shared ledger can be asked; says so in the log when that changes."""

import logging
import time
from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

from paddle_otel.budgets.shared_connection import LedgerError

PATIENCE: Final = 0.1
"""After how many seconds without an answer nobody waits for Redis any more, long before the connection is given up."""
FIRST_PAUSE: Final = 0.05
LONGEST_PAUSE: Final = 2.0

_logger: Final = logging.getLogger("paddle_otel")


class Health:
    """Of one ledger.

    Args:
        address: Of the Redis; the log gets only the host.

    Attributes:
        name: On metrics.
        is_lost: Whether it will never answer: the address is wrong, or a package is missing.
    """

    def __init__(self, address: str) -> None:
        self.name: Final = "redis"
        self._host = host(address)
        self.begin_anew()

    def begin_anew(self) -> None:
        """Know nothing; also in a forked child."""
        self._errors: dict[str, int] = {}
        self.is_lost = False
        self._is_available: bool | None = None
        self._asking_since: float | None = None
        self._failures = 0

    @property
    def available(self) -> bool | None:
        """Whether it answers; ``None`` before the first answer."""
        since = self._asking_since
        if since is not None and time.monotonic() - since > PATIENCE:
            return False
        return self._is_available

    @property
    def errors(self) -> Mapping[str, int]:
        """How often it could not be asked, by the class of the error."""
        return dict(self._errors)

    @property
    def is_down(self) -> bool:
        """Whether nobody should wait for it: it failed when last asked, or has not answered for long."""
        return self.available is False

    @property
    def has_failed(self) -> bool:
        """Whether it failed when last asked; what was left is then no longer known."""
        return self._is_available is False

    def asking(self) -> None:
        """Note that it is asked now."""
        self._asking_since = time.monotonic()

    def answered(self) -> bool:
        """Note that it has answered; return whether it could not be asked before, and may have lost its data."""
        self._asking_since = None
        self._failures = 0
        was, self._is_available = self._is_available, True
        if was is False:
            _logger.warning(
                "The shared ledger of token budgets at %s answers again; what was counted meanwhile is added to it.",
                self._host,
            )
        return was is False

    def failed(self, error: LedgerError) -> float:
        """Note that it could not be asked.

        Returns:
            After how many seconds to ask again.
        """
        self._asking_since = None
        self.count(error)
        was, self._is_available = self._is_available, False
        self.is_lost = error.is_final
        if was is not False:
            _logger.warning(*self._message(error))
        self._failures += 1
        return min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** min(self._failures - 1, 10))

    def count(self, error: LedgerError) -> None:
        """Count an error of one account among others that were answered."""
        self._errors[error.kind] = self._errors.get(error.kind, 0) + 1

    def _message(self, error: LedgerError) -> tuple[str, str, str]:
        meanwhile = "Token budgets count in this process alone, and those with on_failure: closed stop and refuse"
        if not error.is_final:
            until = "until it answers again. This is logged once until then."
            return (
                f"The shared ledger of token budgets at %s cannot be asked (%s). {meanwhile}, {until}",
                self._host,
                error.kind,
            )
        if error.kind.endswith(("ImportError", "ModuleNotFoundError")):
            hint = 'It needs a package: pip install "paddle-otel[redis]"'
        else:
            hint = "PADDLE_OTEL_BUDGET_LEDGER is no usable address, as redis://host:6379/0 is"
        return (
            f"The shared ledger of token budgets at %s is not used (%s). {hint}. {meanwhile}.",
            self._host,
            error.kind,
        )


def host(address: str) -> str:
    """Return the hosts of an address, without user and password; they may stand on either side of a slip of the pen."""
    try:
        place = urlsplit(address).netloc.rpartition("@")[2] if "://" in address else ""
    except ValueError:  # of a bracket that is not closed
        place = ""
    return place or "the address that is set"
