"""Traces and metrics for PaddleNLP.

Usage
-----

Put ``opentelemetry-instrument`` before the command that runs the program, or switch it on in code, before or after
PaddleNLP is imported:

.. code:: python

    from paddle_otel.paddlenlp import PaddleNLPInstrumentor

    PaddleNLPInstrumentor().instrument()

What is patched
---------------

- ``generate`` of every model class: one span per outermost call, ``chat {model}`` when the prompt came from a chat
  template and ``text_completion {model}`` otherwise, with token counts, finish reasons and timings, and the children
  ``prefill`` and ``decode``; the ``gen_ai.client.*`` and ``gen_ai.server.*`` metrics and ``paddle.tokens``. One
  stopping criterion is added in front of the caller's: it notes the time of each decode step and never stops anything.
- Tokenizers (``__call__``, ``encode``, ``encode_plus``, ``batch_encode``, ``apply_chat_template``, ``decode``,
  ``batch_decode``): duration and token count of the outermost call; a span where a trace is being recorded, except
  inside ``generate``.
- A pretrained model called as ``model(**inputs)`` outside ``generate`` and training: one prediction per outermost call.
- ``Taskflow``: one span ``pipeline {task}`` per outermost call, ``from_segments`` included, with the model and the
  number of inputs and results, and ``paddle.pipeline.duration``. What runs in it is below it: tokenizers, generations,
  predictions, and the program of a task that has one where the instrumentor of ``paddle.inference`` is on too.
- ``from_pretrained`` of models and tokenizers and ``Taskflow(...)``: a ``load_model`` span, a duration, the state. The
  program of a Taskflow goes by the name of the task's model.

No text and no token ids are recorded. ``uninstrument()`` restores every class as it was.

API
---
"""

from collections.abc import Iterable
from typing import ClassVar, Final

from paddle_otel.conventions import attributes as a
from paddle_otel.library_instrumentor import LibraryInstrumentor
from paddle_otel.operations.telemetry import Telemetry
from paddle_otel.paddlenlp.taskflow_table import taskflow_patches
from paddle_otel.patching import Patch, PatchSet
from paddle_otel.pretrained.forward_table import forward_patches
from paddle_otel.pretrained.generate_patches import GenerateWrapper, OuterGenerateWrapper
from paddle_otel.pretrained.handlers import Handlers
from paddle_otel.pretrained.load_patches import FromPretrainedWrapper
from paddle_otel.pretrained.tokenizer_table import own_tokenizers

_GENERATION: Final = "paddlenlp.generation.utils"
_TOKENIZER_BASE: Final = "paddlenlp.transformers.tokenizer_utils_base"
_TOKENIZER: Final = "paddlenlp.transformers.tokenizer_utils"
_MODEL: Final = "paddlenlp.transformers.model_utils"

# Models with a generate of their own around a language model's.
_OUTER_MODELS: Final = (
    ("paddlenlp.transformers.blip.modeling", "BlipForConditionalGeneration"),
    ("paddlenlp.transformers.blip.modeling", "BlipForQuestionAnswering"),
    ("paddlenlp.transformers.blip_2.modeling", "Blip2ForConditionalGeneration"),
    ("paddlenlp.transformers.visualglm.modeling", "VisualGLMForConditionalGeneration"),
    ("paddlenlp.transformers.minigpt4.modeling", "MiniGPT4ForConditionalGeneration"),
    ("paddlenlp.transformers.dallebart.modeling", "DalleBartForConditionalGeneration"),
)


class PaddleNLPInstrumentor(LibraryInstrumentor[Handlers]):
    """Switches the patches of PaddleNLP on (``instrument()``) and off (``uninstrument()``), any number of times."""

    scope = "paddle_otel.paddlenlp"
    patch_set: ClassVar[PatchSet] = PatchSet("paddlenlp")

    def handlers(self, telemetry: Telemetry) -> Handlers:
        """Make what the wrappers share."""
        return Handlers.on(telemetry)

    def patches(self, handlers: Handlers) -> Iterable[Patch]:
        """Return the table of patches."""
        outer = OuterGenerateWrapper(handlers)
        return [
            Patch(_GENERATION, "GenerationMixin.generate", GenerateWrapper(handlers, "paddlenlp")),
            *(Patch(module, f"{model}.generate", outer) for module, model in _OUTER_MODELS),
            Patch(_MODEL, "PretrainedModel.from_pretrained", FromPretrainedWrapper(handlers, a.KIND_PRETRAINED_MODEL)),
            *own_tokenizers(handlers, _TOKENIZER_BASE, _TOKENIZER),
            *taskflow_patches(handlers),
            *forward_patches(handlers, _MODEL),
        ]
