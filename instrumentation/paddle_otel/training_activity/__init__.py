"""Tells monitors when Paddle computes a forward or a backward pass.

Usage
-----

Nothing is to be done: a running :class:`paddle_otel.monitor.GPUMonitor` switches it on, and off again when it is
stopped. It reports nothing to OpenTelemetry.

What is patched
---------------

- ``paddle.nn.Layer.__call__``: the outermost call of a layer is a forward pass, unless it is part of a generation, of a
  prediction or of a backward pass (which computes some layers again to save memory).
- ``paddle.Tensor.backward`` and ``paddle.autograd.backward``: a backward pass.

What the optimizer does is neither; ``paddle_otel.monitor.activity`` names it. Each call of a layer inside another one
takes two microseconds longer while a monitor runs.
"""

from collections.abc import Collection
from typing import Any, ClassVar

from opentelemetry.instrumentation.instrumentor import BaseInstrumentor

from paddle_otel.guard import guard
from paddle_otel.patching import PatchSet
from paddle_otel.settings import Settings
from paddle_otel.training_activity.passes import pass_patches
from paddle_otel.untranslated import untranslated_patches

__all__ = ["TrainingActivityInstrumentor"]


class TrainingActivityInstrumentor(BaseInstrumentor):
    """Switches the patches on (``instrument()``) and off (``uninstrument()``), any number of times."""

    patch_set: ClassVar[PatchSet] = PatchSet("paddle_training_activity")

    def instrumentation_dependencies(self) -> Collection[str]:
        """Return nothing: Paddle is patched when the program imports it, whichever distribution it came in."""
        return ()

    def _instrument(self, **_: Any) -> None:
        with guard("switching on paddle_otel.training_activity"):
            if Settings.from_environment().enabled:
                self.patch_set.apply([*pass_patches(), *untranslated_patches()])

    def _uninstrument(self, **_: Any) -> None:
        with guard("switching off paddle_otel.training_activity"):
            self.patch_set.undo()
