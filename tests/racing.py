"""Threads that get in each other's way as often as can be."""

import sys
import threading
from collections.abc import Callable


def race(work: Callable[[int], None], threads: int = 8) -> None:
    """Have threads do something at once, each with its number, and wait for them.

    The interpreter changes between them a thousand times as often as it does else.

    Args:
        work: What each does.
        threads: How many there are.
    """
    barrier = threading.Barrier(threads)

    def run(number: int) -> None:
        barrier.wait(60)
        work(number)

    racing = [threading.Thread(target=run, args=(number,)) for number in range(threads)]
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        for thread in racing:
            thread.start()
        for thread in racing:
            thread.join(60)
    finally:
        sys.setswitchinterval(interval)
