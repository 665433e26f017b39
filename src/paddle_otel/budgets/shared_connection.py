"""The connection to Redis: made through the ``limits`` library, which knows single servers, sentinels and clusters.

Counting is a script of our own (:mod:`paddle_otel.budgets.shared_script`): what ``limits`` counts with cannot take
several tokens only if they fit, nor tell a report that arrives twice from two reports.
"""

import hashlib
from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple

from paddle_otel.budgets.shared_script import SCRIPT, Answer, Question
from paddle_otel.forking import import_undisturbed

TIMEOUT: Final = 1.0
"""After how many seconds without an answer a connection is given up; nobody but the background thread waits for it."""

AT_ONCE: Final = 256
AT_ONCE_OF_CLUSTERS: Final = 16

_OF_ONE_KEY: Final = "WRONGTYPE"
"""Somebody else has written something else under the name of a count: the others can be asked."""
_SERVERS: Final = ("redis", "rediss", "redis+unix", "valkey", "valkeys", "valkey+unix")
_SENTINELS: Final = ("redis+sentinel", "valkey+sentinel")
_CLUSTERS: Final = ("redis+cluster", "valkey+cluster")
_DIGEST: Final = hashlib.sha1(SCRIPT.encode(), usedforsecurity=False).hexdigest()  # how Redis calls a script


class LedgerError(Exception):
    """Redis could not be asked.

    Attributes:
        kind: The class of the error, for metrics and the log; its text may quote the password.
        is_final: Whether it will not pass by itself: a wrong address, a package that is not installed.
    """

    def __init__(self, kind: str, *, is_final: bool = False) -> None:
        super().__init__(kind)
        self.kind = kind
        self.is_final = is_final


class _Client(NamedTuple):
    redis: Any
    can_batch: bool


class _Greeting:
    """What the client does where it connects; it knows no more of who asks than that."""

    def __init__(self) -> None:
        self.is_new = False

    def __call__(self, connection: Any) -> None:
        self.is_new = True
        connection.on_connect()


class Connection:
    """A connection that is made at the first question, and anew after trouble. Used by one thread.

    Args:
        address: ``redis://…`` and so on.

    Attributes:
        most_at_once: How many questions to ask at most: the machines of a cluster are asked one after the other.
    """

    def __init__(self, address: str) -> None:
        self._address = address
        self._client: _Client | None = None
        self._troubles: tuple[type[Exception], ...] = (OSError,)
        self._greeting = _Greeting()
        self._scheme: Final = address.partition("://")[0]
        self.most_at_once: Final = AT_ONCE_OF_CLUSTERS if self._scheme in _CLUSTERS else AT_ONCE

    def was_made_anew(self) -> bool:
        """Tell once that there is a new connection, which the client makes by itself: Redis may have begun anew too."""
        was, self._greeting.is_new = self._greeting.is_new, False
        return was

    def ask(self, questions: Sequence[Question]) -> list[Answer | LedgerError]:
        """Ask all questions at once.

        Args:
            questions: With none it is only looked whether Redis is there.

        Returns:
            For each its answer, or why this one was not answered.

        Raises:
            LedgerError: None was answered.
        """
        try:
            client = self._client or self._connect()
            if not questions:
                client.redis.ping()
                return []
            replies = _replies(client, questions, self._troubles)
            unknown = [place for place, reply in enumerate(replies) if type(reply).__name__ == "NoScriptError"]
            if unknown:
                client.redis.script_load(SCRIPT)
                again = _replies(client, [questions[place] for place in unknown], self._troubles)
                for place, reply in zip(unknown, again, strict=True):
                    replies[place] = reply
        except self._troubles as error:
            self.close()
            raise LedgerError(_kind(error)) from error
        answers = [_answer(reply) for reply in replies]
        errors = [one for one in answers if isinstance(one, LedgerError)]
        if len(errors) == len(answers) and any(error.kind != _OF_ONE_KEY for error in errors):
            self.close()  # a replica, or a server without memory: the next attempt may find another one
            raise errors[0]
        return answers

    def close(self) -> None:
        """Drop the connection."""
        client, self._client = self._client, None
        if client is not None:
            client.redis.close()

    def _connect(self) -> _Client:
        scheme = self._scheme
        if scheme not in (*_SERVERS, *_SENTINELS, *_CLUSTERS):
            raise LedgerError("ConfigurationError", is_final=True)
        library = "valkey" if scheme.startswith("valkey") else "redis"
        try:
            self._troubles = (OSError, *_exceptions(library))
            storages = import_undisturbed("limits.storage")
            wrong: Any = import_undisturbed("limits.errors").ConfigurationError
        except ImportError as error:
            raise LedgerError(type(error).__name__, is_final=True) from error
        try:
            storage = storages.storage_from_string(self._address, **_options(scheme, library, self._greeting))
        except (wrong, ValueError, TypeError) as error:
            raise LedgerError(type(error).__name__, is_final=True) from error
        self._client = _Client(storage.get_connection(), can_batch=scheme not in _CLUSTERS)
        return self._client


def _exceptions(library: str) -> tuple[type[Exception], ...]:
    module = import_undisturbed(f"{library}.exceptions")
    names = ("RedisError", "ValkeyError", "RedisClusterException", "ValkeyClusterException")
    return tuple(getattr(module, name) for name in names if hasattr(module, name))


def _options(scheme: str, library: str, connected: Callable[[Any], None]) -> dict[str, Any]:
    times = {"socket_timeout": TIMEOUT, "socket_connect_timeout": TIMEOUT}
    if scheme in _CLUSTERS:
        return {**times}  # it has to try again by itself: that is how it learns where keys lie
    retry = import_undisturbed(f"{library}.retry").Retry(import_undisturbed(f"{library}.backoff").NoBackoff(), 0)
    more: dict[str, Any] = {"sentinel_kwargs": dict(times)} if scheme in _SENTINELS else {}
    return {**times, "retry": retry, f"{library}_connect_func": connected, **more}


def _replies(client: _Client, questions: Sequence[Question], troubles: tuple[type[Exception], ...]) -> list[Any]:
    if client.can_batch:
        pipeline = client.redis.pipeline(transaction=False)
        for question in questions:
            pipeline.evalsha(_DIGEST, 1, question.key, *question.arguments)
        return pipeline.execute(raise_on_error=False)
    return [_reply(client.redis, question, troubles) for question in questions]


def _reply(redis: Any, question: Question, troubles: tuple[type[Exception], ...]) -> Any:
    try:
        return redis.evalsha(_DIGEST, 1, question.key, *question.arguments)
    except troubles as error:
        return error


def _answer(reply: Any) -> Answer | LedgerError:
    return LedgerError(_kind(reply)) if isinstance(reply, Exception) else Answer(*(int(one) for one in reply))


def _kind(error: Exception) -> str:
    """Return the class of an error; of one that has none of its own what Redis calls it: ``OOM``, ``READONLY``."""
    name, text = type(error).__name__, str(error)
    if "unauthenticated" in text:  # what it says to a long command of somebody who has not logged in
        return "AuthenticationError"
    if _OF_ONE_KEY in text:  # Redis 6 and before say it within another error
        return _OF_ONE_KEY
    code = text.partition(" ")[0]
    return code if name == "ResponseError" and code.isalpha() and code.isupper() else name
