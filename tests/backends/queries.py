"""What the read-back clients share: JSON over HTTP with the standard library, and waiting with a limit."""

import json
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

_REQUEST_TIMEOUT_S = 10.0
_POLL_INTERVAL_S = 0.05
_SHOWN_CHARACTERS = 2000

_T = TypeVar("_T")

# A proxy named in the environment must not stand between a test and a server on its own machine.
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class BackendError(Exception):
    """A backend did not start, did not answer, or did not show the awaited data in time."""


class NotFoundError(BackendError, LookupError):
    """The backend answered that it has no such thing (404)."""


def get_json(url: str, parameters: Mapping[str, str] | None = None) -> Any:
    """Returns the decoded JSON answer to a GET request.

    Raises:
        NotFoundError: the backend answered 404.
        BackendError: no answer, another status than 200, or no JSON.
    """
    full = f"{url}?{urllib.parse.urlencode(parameters)}" if parameters else url
    try:
        with _OPENER.open(full, timeout=_REQUEST_TIMEOUT_S) as response:
            return json.load(response)
    except urllib.error.HTTPError as error:
        with error:
            text = error.read().decode(errors="replace")[:_SHOWN_CHARACTERS]
        kind = NotFoundError if error.code == 404 else BackendError
        raise kind(f"GET {full}: {error.code} {text}") from error
    except (OSError, ValueError) as error:
        raise BackendError(f"GET {full}: {error}") from error


def wait_until(what: str, look: Callable[[], _T], good: Callable[[_T], bool], timeout_s: float) -> _T:
    """Looks again and again until what is seen is good, and returns it.

    Raises:
        BackendError: it was not good within ``timeout_s`` seconds; the text shows what was seen last.
    """
    deadline = time.monotonic() + timeout_s
    while True:
        seen = look()
        if good(seen):
            return seen
        if time.monotonic() >= deadline:
            shown = repr(seen)[:_SHOWN_CHARACTERS]
            raise BackendError(f"{what}: not there within {timeout_s:g} s. Seen last: {shown}")
        time.sleep(_POLL_INTERVAL_S)
