"""The one place where NVML is called, through ``nvidia-ml-py``."""

import os
import sys
import threading
from collections.abc import Callable
from types import ModuleType
from typing import Any, Final

from paddle_otel.forking import import_undisturbed


class Code:
    """NVML return codes this project tells apart (``nvml.h``, ``nvmlReturn_t``)."""

    UNINITIALIZED: Final = 1
    INVALID_ARGUMENT: Final = 2
    NOT_SUPPORTED: Final = 3
    NO_PERMISSION: Final = 4
    DRIVER_NOT_LOADED: Final = 9
    LIBRARY_NOT_FOUND: Final = 12
    FUNCTION_NOT_FOUND: Final = 13
    GPU_IS_LOST: Final = 15
    RESET_REQUIRED: Final = 16
    LIBRARY_VERSION_MISMATCH: Final = 18
    ARGUMENT_VERSION_MISMATCH: Final = 25
    DEPRECATED: Final = 26
    GPU_NOT_FOUND: Final = 28
    UNKNOWN: Final = 999


UNSUPPORTED: Final = frozenset(
    {
        Code.INVALID_ARGUMENT,
        Code.NOT_SUPPORTED,
        Code.NO_PERMISSION,
        Code.FUNCTION_NOT_FOUND,
        Code.ARGUMENT_VERSION_MISMATCH,
        Code.DEPRECATED,
    }
)
"""This driver, device or user will never get an answer to this call."""

DEVICE_LOST: Final = frozenset({Code.GPU_IS_LOST, Code.RESET_REQUIRED, Code.GPU_NOT_FOUND})
"""The device answers nothing at all until it is reset."""

DRIVER_GONE: Final = frozenset(
    {Code.UNINITIALIZED, Code.DRIVER_NOT_LOADED, Code.LIBRARY_NOT_FOUND, Code.LIBRARY_VERSION_MISMATCH}
)
"""No device answers until NVML is initialised again."""

_ABOUT_THE_DRIVER: Final = frozenset({"nvmlInit", "nvmlShutdown", "nvmlDeviceGetCount"})


class NvmlError(Exception):
    """NVML did not do what it was asked.

    Attributes:
        code: Its return code.
        reason: The code's name in ``nvidia-ml-py``.
    """

    def __init__(self, function: str, code: int, reason: str) -> None:
        super().__init__(f"{function}: {reason}")
        self.code = code
        self.reason = reason


class WrongBindingError(Exception):
    """The module ``pynvml`` is not the one from ``nvidia-ml-py``."""


class Binding:
    """NVML as this process sees it.

    Args:
        pynvml: The module of ``nvidia-ml-py``.
    """

    def __init__(self, pynvml: ModuleType) -> None:
        self._pynvml: Any = pynvml
        self._error: type[Exception] = self._pynvml.NVMLError
        self._functions: dict[str, Callable[..., Any]] = {"nvmlDeviceGetFieldValues": self._get_field_values}

    @classmethod
    def load(cls) -> "Binding":
        """Import the binding; the driver's library is loaded by the first call.

        Raises:
            ModuleNotFoundError: ``nvidia-ml-py`` is not installed.
            WrongBindingError: Another distribution's ``pynvml`` is in its place.
        """
        pynvml = import_undisturbed("pynvml")
        if not hasattr(pynvml, "nvmlDeviceGetFieldValues"):
            raise WrongBindingError
        return cls(pynvml)

    def call(self, function: str, *args: Any) -> Any:
        """Call a function of ``pynvml``. Every call to NVML passes here.

        Args:
            function: Its name, for instance ``nvmlDeviceGetUtilizationRates``.
            *args: What it takes.

        Returns:
            What it returns.

        Raises:
            NvmlError: NVML returned an error code, the driver or the binding does not have the function, or the
                answer is no text where it should be.
        """
        found = self._functions.get(function) or self._find(function)
        try:
            return found(*args)
        except self._error as error:
            code, reason = int(getattr(error, "value", 0)), type(error).__name__
            if code in DRIVER_GONE and function not in _ABOUT_THE_DRIVER and self._driver_answers():
                code = Code.UNKNOWN  # it speaks for itself only: all other devices would be given up with it
            raise NvmlError(function, code, reason) from None
        except UnicodeDecodeError:
            raise NvmlError(function, Code.NOT_SUPPORTED, "not UTF-8") from None

    def _driver_answers(self) -> bool:
        try:
            self._find("nvmlDeviceGetCount")()
        except (self._error, NvmlError):
            return False
        return True

    def call_or_none(self, function: str, *args: Any) -> Any | None:
        """Return what a function returns, ``None`` where :meth:`call` would raise."""
        try:
            return self.call(function, *args)
        except NvmlError:
            return None

    def constant(self, name: str, default: int) -> int:
        """Return a constant of the binding, or the value it has in ``nvml.h`` where an older binding lacks it."""
        return int(getattr(self._pynvml, name, default))

    def field_array(self, count: int) -> Any:
        """Return an array for that many field values, and one more.

        Drivers were seen to write one entry past the end (nvitop allocates a spare one for the same reason).
        """
        return (self._pynvml.c_nvmlFieldValue_t * (count + 1))()

    def _find(self, function: str) -> Callable[..., Any]:
        found = getattr(self._pynvml, function, None)
        if found is None:
            raise NvmlError(function, Code.FUNCTION_NOT_FOUND, "not in the installed nvidia-ml-py")
        self._functions[function] = found
        return found

    def _get_field_values(self, handle: Any, count: int, values: Any) -> None:
        # pynvml's own function makes a new array, without a spare entry, at each call.
        get = self._find("_nvmlGetFunctionPointer")("nvmlDeviceGetFieldValues")
        self._find("_nvmlCheckReturn")(get(handle, count, values))


def _free_load_lock() -> None:
    """Give a forked child its own lock: the sampler's thread, which the child does not have, may have held it."""
    pynvml: Any = sys.modules.get("pynvml")
    if hasattr(pynvml, "libLoadLock"):
        pynvml.libLoadLock = threading.Lock()


if hasattr(os, "register_at_fork"):  # Windows cannot fork
    os.register_at_fork(after_in_child=_free_load_lock)
