"""What to do about memory that runs out: sentences chosen by what is known."""

from collections.abc import Iterator
from typing import Final

from paddle_otel.conventions import attributes as a
from paddle_otel.diagnosis.memory_use import MemoryUse
from paddle_otel.diagnosis.work import CacheUse

GIB: Final = 1024**3
IDLE_SHARE: Final = 0.2
"""Share of what the allocator holds above which what no tensor uses is worth a word …"""
IDLE_OF_LIMIT: Final = 0.05
"""… if it is also this share of all memory."""
CACHE_OF_LIMIT: Final = 0.05
"""Share of all memory above which key-value caches are worth a word."""
GROWTH_SHARE: Final = 0.5
"""Who grew by this share of what the memory in use grew by is what makes it grow."""


def memory_advice(memory: MemoryUse, before: MemoryUse, cache: CacheUse | None, cache_before: int | None) -> str:
    """Return what to do.

    Args:
        memory: The memory that runs out.
        before: The same some time ago.
        cache: The key-value caches of requests in flight there now, if known.
        cache_before: Their size then, if known.
    """
    sentences = [
        *_predicted(memory, cache),
        *_fragmentation(memory),
        *_caches(memory, before, cache, cache_before),
        *_tensors(memory, before, cache, cache_before),
        *_others(memory, before),
    ]
    return " ".join(sentences or ["Take fewer requests at a time, or end what else uses this memory."])


def free_for_tensors(memory: MemoryUse) -> int:
    """Return what tensors can still get, blocks that the allocator holds without using them included, bytes."""
    return max(memory.limit - memory.needed, 0)


def _predicted(memory: MemoryUse, cache: CacheUse | None) -> Iterator[str]:
    if cache is not None and cache.predicted - cache.now > free_for_tensors(memory):
        yield (
            f"The requests in flight will ask for {_gib(cache.predicted - cache.now)} more if each runs to its limit "
            f"of tokens, and {_gib(free_for_tensors(memory))} are free: lower max_new_tokens, or take fewer at a time."
        )


def _fragmentation(memory: MemoryUse) -> Iterator[str]:
    idle = memory.idle_in_pool
    if memory.reserved and idle >= IDLE_SHARE * memory.reserved and idle >= IDLE_OF_LIMIT * memory.limit:
        yield (
            f"Paddle's allocator holds {_gib(idle)} that no tensor uses (fragmentation): give it back between requests "
            "with paddle.device.cuda.empty_cache(), and let requests have similar lengths."
        )


def _caches(memory: MemoryUse, before: MemoryUse, cache: CacheUse | None, cache_before: int | None) -> Iterator[str]:
    if cache is None or cache.now < CACHE_OF_LIMIT * memory.limit:
        return
    grown = cache.now - (cache_before or 0)
    if grown >= GROWTH_SHARE * max(memory.used - before.used, 1):
        yield (
            f"The key-value caches of requests in flight take {_gib(cache.now)} and grow with each token: "
            "lower max_new_tokens or the batch size, or take fewer requests at a time."
        )


def _tensors(memory: MemoryUse, before: MemoryUse, cache: CacheUse | None, cache_before: int | None) -> Iterator[str]:
    if memory.allocated is None or before.allocated is None:
        return
    of_caches = max(cache.now - (cache_before or 0), 0) if cache is not None else 0
    grown = memory.allocated - before.allocated - of_caches
    if grown > 0 and grown >= GROWTH_SHARE * (memory.used - before.used):
        yield (
            f"Tensors of this process have grown by {_gib(grown)}: look for results that are kept (losses or outputs "
            "in a list, a cache without a bound), or use smaller batches."
        )


def _others(memory: MemoryUse, before: MemoryUse) -> Iterator[str]:
    if memory.alone is False:
        yield "Other processes use this GPU too: what they hold is missing here (nvidia-smi lists them)."
    elif memory.scope != a.SCOPE_GPU and _not_by_tensors(memory, before):
        others = "" if memory.scope == a.SCOPE_PROCESS else " and at other processes"
        yield f"It is not the tensors of this process that grow: look at its other objects{others}."


def _not_by_tensors(memory: MemoryUse, before: MemoryUse) -> bool:
    if memory.allocated is None or before.allocated is None:
        return False
    return memory.allocated - before.allocated < (1 - GROWTH_SHARE) * (memory.used - before.used)


def _gib(number: int) -> str:
    return f"{number / GIB:.1f} GiB"
