"""Patches that come off while others hold, wrap or call what was patched."""

import threading
from typing import Any, cast

import wrapt
from opentelemetry.instrumentation.utils import suppress_instrumentation

from paddle_otel.patching import PatchSet
from patch_target import Seen, Target, patches, target

__all__ = ["patches", "target"]  # fixtures

ALL_NAMES = ("Base.method", "Base.made", "Base.plain", "function")


def held_method(module: Any) -> Any:
    """Return what the class really holds, before any binding."""
    return cast("dict[str, Any]", vars(module.Base))["method"]


def test_somebody_else_s_wrapper_on_top_is_left_alone(target: Target, patches: PatchSet) -> None:
    """Another tool that patched after us keeps working after our undo, ours is inert beneath it, and can come back."""
    module = target.load()
    foreign, ours, again = Seen(), Seen(), Seen()
    patches.apply([target.patch("Base.method", ours)])
    wrapt.wrap_function_wrapper(module, "Base.method", foreign)
    theirs = held_method(module)
    module.Base().method(1)
    patches.undo()
    assert held_method(module) is theirs
    module.Base().method(1)
    assert (len(foreign.instances), len(ours.instances)) == (2, 1)
    patches.apply([target.patch("Base.method", again)])
    module.Base().method(1)
    assert (len(foreign.instances), len(ours.instances), len(again.instances)) == (3, 1, 1)
    patches.undo()
    assert held_method(module) is theirs


def test_method_objects_that_were_kept_fall_through(target: Target, patches: PatchSet) -> None:
    """A bound method, a class method and a function taken while patched call the original after undo."""
    module = target.load()
    patches.apply([target.patch(name, seen := Seen()) for name in ALL_NAMES])
    instance = module.Child()
    method, made, function = instance.method, module.Child.made, module.function
    patches.undo()
    assert method(5, b=6) == (instance, 5, 6)
    assert made(3) == (module.Child, 3)
    assert function(1, y=4) == (1, 4)
    assert seen.instances == []


def test_suppressed_instrumentation_is_not_called(target: Target, patches: PatchSet) -> None:
    """Inside ``suppress_instrumentation()`` the original is called directly."""
    module = target.load()
    patches.apply([target.patch("function", seen := Seen())])
    with suppress_instrumentation():
        assert module.function(1) == (1, 2)
    assert seen.instances == []
    module.function(1)
    assert len(seen.instances) == 1


def test_calls_and_switching_in_many_threads(target: Target, patches: PatchSet) -> None:
    """Calls in eight threads give the right result while the patch goes on and off under them."""
    module = target.load()
    original = held_method(module)
    stop, wrong = threading.Event(), list[Any]()

    def call() -> None:
        instance = module.Base()
        while not stop.is_set():
            result = instance.method(4)
            if result != (instance, 4, 1):
                wrong.append(result)

    threads = [threading.Thread(target=call) for _ in range(8)]
    for thread in threads:
        thread.start()
    for _ in range(100):
        patches.apply([target.patch("Base.method", Seen())])
        patches.undo()
    stop.set()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert held_method(module) is original
