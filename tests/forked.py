"""Checks that are made in a forked child."""

import os
import threading
from collections.abc import Callable


def in_child(check: Callable[[], object]) -> int:
    """Fork, run a check in the child, return 0 where it returned true in time, 1 where not, a signal where it hung."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            code = 0 if check() else 1
        finally:
            os._exit(code)
    timer = threading.Timer(20, os.kill, (child, 9))
    timer.start()
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    timer.cancel()
    return code
