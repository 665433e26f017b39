"""Threads of our own, which belong to no request."""

import contextvars
import threading
from collections.abc import Callable
from typing import Any


def background_thread(name: str, run: Callable[..., object], *args: Any) -> threading.Thread:
    """Make a thread that the end of the program does not wait for, in a context of its own.

    OpenTelemetry's instrumentation of threads would hand on the context in which it is started: what the thread says
    for as long as it lives would belong to the request that happened to be the first.

    Args:
        name: What it is called.
        run: What it does.
        *args: The arguments of that.

    Returns:
        The thread, not started yet.
    """
    return threading.Thread(target=contextvars.Context().run, args=(run, *args), name=name, daemon=True)
