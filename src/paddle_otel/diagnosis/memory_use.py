"""How much of each memory is in use: of GPUs, the container, the host, and this process's address space."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Protocol, cast

from paddle_otel.conventions import allocator
from paddle_otel.conventions import attributes as a
from paddle_otel.diagnosis.address_space import AskAddressSpace, address_space
from paddle_otel.hardware import container, host, nvml
from paddle_otel.hardware.nvml.reading import GpuReading
from paddle_otel.sampling.snapshot import Snapshot

CPU: Final = "cpu"


class Allocator(Protocol):
    """What Paddle's allocator of one device says."""

    @property
    def device(self) -> str:
        """As Paddle writes it."""
        ...

    @property
    def allocated(self) -> int:
        """What tensors take, bytes."""
        ...

    @property
    def reserved(self) -> int:
        """What the allocator holds, bytes."""
        ...


@dataclass(frozen=True, slots=True)
class MemoryUse:
    """One memory at one moment; ``None`` is what is not known.

    Attributes:
        scope: What kind of memory.
        identity: Which one, as all processes that see it call it.
        shared: Whether other processes see the same.
        device: What Paddle calls it.
        used: By all who use it, bytes.
        limit: What there is, bytes.
        labels: Attributes that say which one it is.
        allocated: What this process's tensors take of it, bytes.
        reserved: What Paddle's allocator in this process holds of it, bytes.
        alone: Whether no other process is there.
    """

    scope: str
    identity: str
    shared: bool
    device: str | None
    used: int
    limit: int
    labels: Mapping[str, str]
    allocated: int | None = None
    reserved: int | None = None
    alone: bool | None = None

    @property
    def idle_in_pool(self) -> int:
        """What the allocator of this process holds on a GPU and no tensor uses, bytes; 0 when that is not known."""
        if self.scope != a.SCOPE_GPU or self.allocated is None or self.reserved is None:
            return 0
        return min(max(self.reserved - self.allocated, 0), self.used)

    @property
    def needed(self) -> int:
        """What is in use without that, bytes."""
        return self.used - self.idle_in_pool


def memories(snapshot: Snapshot, ask_address_space: AskAddressSpace = address_space) -> Iterator[MemoryUse]:
    """Return every memory that a snapshot knows both the use and the limit of.

    Args:
        snapshot: What the sampler saw.
        ask_address_space: Returns this process's address space now.
    """
    allocators = {one.device: one for one in _allocators(snapshot)}
    for gpu in nvml.KIND.readings(snapshot) or ():
        if gpu.memory_used is not None and gpu.memory_total:
            yield _of_gpu(gpu, gpu.memory_used, gpu.memory_total, allocators)
    tensors = allocators.get(CPU)
    for scope, identity, shared, used, limit in _of_cpu(snapshot, ask_address_space):
        yield MemoryUse(
            scope,
            identity,
            shared,
            CPU,
            used,
            limit,
            {a.PADDLE_DEVICE: CPU},
            tensors.allocated if tensors is not None else None,
            tensors.reserved if tensors is not None else None,
        )


def _of_gpu(gpu: GpuReading, used: int, limit: int, allocators: Mapping[str, Allocator]) -> MemoryUse:
    device = f"gpu:{gpu.ordinal}" if gpu.ordinal is not None else None
    pool = allocators.get(device) if device is not None else None
    named = {a.HW_ID: gpu.identity.uuid, a.HW_NAME: gpu.identity.name, a.PADDLE_DEVICE: device}
    return MemoryUse(
        a.SCOPE_GPU,
        gpu.identity.uuid,
        shared=True,
        device=device,
        used=used,
        limit=limit,
        labels={key: value for key, value in named.items() if value is not None},
        allocated=pool.allocated if pool is not None else None,
        reserved=pool.reserved if pool is not None else None,
        alone=gpu.process.alone if gpu.process is not None else None,
    )


def _of_cpu(snapshot: Snapshot, ask_address_space: AskAddressSpace) -> Iterator[tuple[str, str, bool, int, int]]:
    box = container.KIND.readings(snapshot)
    if box is not None and box.memory_limit and box.memory_available is not None:
        used = max(box.memory_limit - box.memory_available, 0)
        yield a.SCOPE_CONTAINER, box.claim, True, used, box.memory_limit
    machine = host.KIND.readings(snapshot)
    memory = machine.memory if machine is not None else None
    if memory is not None and memory.total and memory.available is not None:
        yield a.SCOPE_HOST, host.CLAIM, True, max(memory.total - memory.available, 0), memory.total
    own = ask_address_space()
    if own is not None:
        yield a.SCOPE_PROCESS, a.SCOPE_PROCESS, False, own.used, own.limit


def _allocators(snapshot: Snapshot) -> Iterable[Allocator]:
    # Read by the instrumentation, which knows Paddle; under this name only its source writes.
    return cast("Iterable[Allocator] | None", snapshot.readings.get(allocator.SOURCE)) or ()
