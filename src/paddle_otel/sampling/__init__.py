"""One background thread that reads the hardware once per interval; everything else only looks at what it saw.

- :mod:`paddle_otel.sampling.source`: what can be read.
- :mod:`paddle_otel.sampling.snapshot`, :mod:`paddle_otel.sampling.history`: what was read, for a bounded time.
- :mod:`paddle_otel.sampling.worker`: the thread.
- :mod:`paddle_otel.sampling.sampler`: starts it, replaces it when a driver hangs, ends it, survives ``fork``.

One thread or one per source? One, because a thread per device kind costs every service memory and wake-ups for a case
that is rare. A source that hangs is left to the thread that hangs in it, and a new thread goes on with the others; when
the hanging call returns, the old thread ends and the new one takes the source back. So there is one thread as long as
all drivers answer, and never more than one extra per source that does not. A driver that is slow but answers is waited
for from its second read on: the other sources are then read at its pace. Whoever is told of snapshots is treated as a
source is: a log processor that hangs keeps one thread, and nothing else waits for it.
"""
