"""Traces and metrics for PaddleX and PaddleOCR 3.

Usage
-----

Put ``opentelemetry-instrument`` before the command that runs the program, or switch it on in code, before or after
the libraries are imported:

.. code:: python

    from paddle_otel.inference import PaddleInferenceInstrumentor
    from paddle_otel.paddlex import PaddleXInstrumentor

    PaddleInferenceInstrumentor().instrument()
    PaddleXInstrumentor().instrument()

What is patched
---------------

- ``predict`` and ``visual_predict`` of every pipeline, and every way to run a single model: one span
  ``pipeline {name}`` per outermost call, with the number of inputs and results, and ``paddle.pipeline.duration``. What
  a pipeline calls inside is part of it. A generator is one span from the first result that is asked for until it ends,
  is closed or let go of; between two results nothing of it is in the caller's context.
- The creation of a pipeline: a ``load_model`` span, a duration, the pipeline's state.
- The models of the engine ``paddle_dynamic``, which PaddleX runs as networks in place of predictors, as the library of
  pretrained models does: one load per ``from_pretrained``, one prediction per call outside training, one generation
  per ``generate``.
- The creation of a model's predictor: the instrumentor of ``paddle.inference`` is told the model's name in PaddleX, and
  what it does in its pipeline. Its spans ``predict {model}`` are children of the pipeline's.

Pipelines that were created before are observed too; their models' predictions are named ``predict unknown`` then.
Where a pipeline works in threads of its own (several devices, PaddleOCR-VL with queues) the predictions there join its
trace when ``opentelemetry-instrumentation-threading`` is installed, and are in traces of their own otherwise.

No image, no text and no path is recorded. ``uninstrument()`` restores every class as it was.

API
---
"""

from collections.abc import Iterable
from typing import Any, ClassVar

from paddle_otel.guard import guard
from paddle_otel.library_instrumentor import LibraryInstrumentor
from paddle_otel.operations.telemetry import Telemetry
from paddle_otel.paddlex.handlers import PaddleXHandlers
from paddle_otel.paddlex.observed_classes import ObservedClasses
from paddle_otel.paddlex.patch_table import class_families, creation_patches, network_patches
from paddle_otel.patching import Patch, PatchSet


class PaddleXInstrumentor(LibraryInstrumentor[PaddleXHandlers]):
    """Switches the patches on (``instrument()``) and off (``uninstrument()``), any number of times."""

    scope = "paddle_otel.paddlex"
    patch_set: ClassVar[PatchSet] = PatchSet("paddlex")
    classes: ClassVar[ObservedClasses] = ObservedClasses("paddlex", ())

    def handlers(self, telemetry: Telemetry) -> PaddleXHandlers:
        """Make what the wrappers share."""
        return PaddleXHandlers.on(telemetry)

    def patches(self, handlers: PaddleXHandlers) -> Iterable[Patch]:
        """Patch the classes that exist, and return the table of the other patches."""
        classes = type(self).classes = ObservedClasses("paddlex", class_families(handlers))
        return [*classes.base_patches(), *creation_patches(handlers), *network_patches(handlers)]

    def _uninstrument(self, **kwargs: Any) -> None:
        super()._uninstrument(**kwargs)
        with guard("restoring the classes of paddlex"):
            self.classes.undo()
