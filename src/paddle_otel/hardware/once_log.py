"""Log lines that a device may give rise to again and again, said once."""

import logging
from typing import Final

_logger: Final = logging.getLogger("paddle_otel")


class OnceLog:
    """Says each line once, so that a device that comes and goes does not fill the log.

    Callers put only names of devices and error codes into a line, so what is remembered is bounded.
    """

    def __init__(self) -> None:
        self._said: set[tuple[str | int, ...]] = set()

    def info(self, message: str, *args: str | int) -> None:
        """Log at INFO level: nothing is wrong."""
        self._say(logging.INFO, message, args)

    def warning(self, message: str, *args: str | int) -> None:
        """Log at WARNING level: somebody should look."""
        self._say(logging.WARNING, message, args)

    def _say(self, level: int, message: str, args: tuple[str | int, ...]) -> None:
        if (message, *args) not in self._said:
            self._said.add((message, *args))
            _logger.log(level, message, *args)
