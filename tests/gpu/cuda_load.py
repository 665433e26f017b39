"""Work for a GPU without any library but the driver's: fills memory again and again through the CUDA driver API."""

import ctypes
import threading
from typing import Any, Final

MEMORY: Final = 2 * 1024**3
"""Bytes that are allocated on the GPU."""
_FILLS_PER_TURN: Final = 200


class CudaLoad:
    """Keeps one GPU busy from the start to the end of a ``with`` block.

    Args:
        ordinal: The GPU's CUDA ordinal.
    """

    def __init__(self, ordinal: int = 0) -> None:
        self._ordinal = ordinal
        self._stop = threading.Event()
        self._ready = threading.Event()
        self._error: Exception | None = None
        self._thread = threading.Thread(target=self._work, daemon=True)

    def __enter__(self) -> "CudaLoad":  # noqa: PYI034 - Python 3.10 has no Self
        """Start and wait until the GPU is at work.

        Raises:
            OSError: There is no CUDA driver, or it refused.
        """
        self._thread.start()
        self._ready.wait()
        if self._error is not None:
            raise self._error
        return self

    def __exit__(self, *_: object) -> None:
        """Stop and free the memory."""
        self._stop.set()
        self._thread.join()

    def _work(self) -> None:
        try:
            cuda: Any = ctypes.CDLL("libcuda.so.1")
            context, memory = ctypes.c_void_p(), ctypes.c_uint64()
            device = ctypes.c_int()
            _check(cuda.cuInit(0), "cuInit")
            _check(cuda.cuDeviceGet(ctypes.byref(device), self._ordinal), "cuDeviceGet")
            _check(cuda.cuCtxCreate_v2(ctypes.byref(context), 0, device), "cuCtxCreate")
            _check(cuda.cuMemAlloc_v2(ctypes.byref(memory), ctypes.c_size_t(MEMORY)), "cuMemAlloc")
        except OSError as error:
            self._error = error
            return
        finally:
            self._ready.set()
        while not self._stop.is_set():
            for value in range(_FILLS_PER_TURN):
                cuda.cuMemsetD32Async(memory, value, ctypes.c_size_t(MEMORY // 4), None)
            cuda.cuCtxSynchronize()
        cuda.cuMemFree_v2(memory)
        cuda.cuCtxDestroy_v2(context)


def _check(code: int, function: str) -> None:
    if code != 0:
        raise OSError(f"{function} returned {code}")
