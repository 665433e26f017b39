"""Traces and metrics for exported programs: ``paddle.inference``, ``paddle.jit`` and ``paddle.static``.

Usage
-----

Put ``opentelemetry-instrument`` before the command that runs the program, or switch it on in code, before or after
Paddle is imported:

.. code:: python

    from paddle_otel.inference import PaddleInferenceInstrumentor

    PaddleInferenceInstrumentor().instrument()

What is patched
---------------

- ``Predictor.run`` and the ``run`` and ``zero_copy_run`` of the predictors before Paddle 2.0: one prediction per call.
- ``create_predictor``, ``create_paddle_predictor``, ``Predictor(config)`` and ``PredictorPool``: one load, and the name
  that every run carries. ``clone`` and ``retrieve`` pass the name on.
- ``paddle.jit.load`` and the calls of what it gives: one load, one prediction per call outside training.
- ``paddle.static.load_inference_model`` and ``Executor.run``: one load, one prediction per run of a program that is
  given inputs and asked for outputs and does not train.

Where the program generates a whole answer from token ids, a run of it is a generation in place of a prediction,
whichever of these ways runs it. A run inside a pretrained model's call is part of that call. Inputs and outputs are
never recorded; token counts are read where that copies nothing from a device.
"""

from collections.abc import Iterable
from typing import ClassVar

from paddle_otel.inference.handlers import InferenceHandlers
from paddle_otel.inference.jit_table import jit_patches
from paddle_otel.inference.predictor_table import predictor_patches
from paddle_otel.inference.static_table import static_patches
from paddle_otel.library_instrumentor import LibraryInstrumentor
from paddle_otel.operations.telemetry import Telemetry
from paddle_otel.patching import Patch, PatchSet


class PaddleInferenceInstrumentor(LibraryInstrumentor[InferenceHandlers]):
    """Switches the patches of Paddle on (``instrument()``) and off (``uninstrument()``), any number of times."""

    scope = "paddle_otel.inference"
    patch_set: ClassVar[PatchSet] = PatchSet("paddle_inference")

    def handlers(self, telemetry: Telemetry) -> InferenceHandlers:
        """Make what the wrappers share."""
        return InferenceHandlers.on(telemetry)

    def patches(self, handlers: InferenceHandlers) -> Iterable[Patch]:
        """Return the table of patches."""
        return [*predictor_patches(handlers), *jit_patches(handlers), *static_patches(handlers)]
