"""Traces and metrics for PaddleFormers.

Usage
-----

Put ``opentelemetry-instrument`` before the command that runs the program, or switch it on in code, before or after
PaddleFormers is imported:

.. code:: python

    from paddle_otel.paddleformers import PaddleFormersInstrumentor

    PaddleFormersInstrumentor().instrument()

What is patched
---------------

- ``generate`` of every model class: one span per outermost call, ``chat {model}`` when the prompt came from a chat
  template and ``text_completion {model}`` otherwise, with token counts, finish reasons and timings, and the children
  ``prefill`` and ``decode``; the ``gen_ai.client.*`` and ``gen_ai.server.*`` metrics and ``paddle.tokens``. One
  stopping criterion is added in front of the caller's: it notes the time of each decode step and never stops anything.
- Tokenizers (``__call__``, ``encode``, ``apply_chat_template``, ``decode``, ``batch_decode``): duration and token count
  of the outermost call; a span where a trace is being recorded, except inside ``generate``. Their classes descend from
  the ``transformers`` package's; tokenizers of that package that are not PaddleFormers' are left alone. ``encode`` and
  ``apply_chat_template`` of a tokenizer that was constructed before instrumenting are not seen, because PaddleFormers
  keeps references to the original methods on each tokenizer.
- ``from_pretrained`` of models and tokenizers: a ``load_model`` span, a duration, the model's state.
- ``model(**inputs)``: the outermost call of a pretrained model that is neither part of ``generate`` nor of training is
  a prediction, ``predict {model}``, with its duration, rows and tokens; the metrics always, the span where a trace is
  being recorded or the call took long. Training is a model in training mode with gradients on: ``model.eval()`` and
  ``paddle.no_grad()`` each make the call a prediction. A LoRA model is the model inside it.
- ``encode`` of ``Qwen2SentenceEmbedding`` and ``Qwen3SentenceEmbedding``: the same, as ``embeddings {model}`` with the
  ``gen_ai.client.*`` metrics.

Paddle's tracer (``paddle.jit.to_static``) is told once to leave this project's and OpenTelemetry's files alone.

No text and no token ids are recorded. ``uninstrument()`` restores every class as it was.

API
---
"""

import sys
from collections.abc import Iterable
from typing import Any, ClassVar, Final

from paddle_otel.conventions import attributes as a
from paddle_otel.library_instrumentor import LibraryInstrumentor
from paddle_otel.operations.telemetry import Telemetry
from paddle_otel.patching import Patch, PatchSet
from paddle_otel.pretrained.forward_table import forward_patches
from paddle_otel.pretrained.generate_patches import GenerateWrapper
from paddle_otel.pretrained.handlers import Handlers
from paddle_otel.pretrained.load_patches import FromPretrainedWrapper
from paddle_otel.pretrained.tokenizer_patches import ChatTemplateWrapper, DecodeWrapper, EncodeWrapper
from paddle_otel.pretrained.tokenizer_table import accepts_everything, own_tokenizers

_GENERATION: Final = "paddleformers.generation.utils"
_TOKENIZER: Final = "paddleformers.transformers.tokenizer_utils"
_TRANSFORMERS: Final = "transformers.tokenization_utils_base"
_LEGACY_BASE: Final = "paddleformers.transformers.legacy.tokenizer_utils_base"
_LEGACY: Final = "paddleformers.transformers.legacy.tokenizer_utils"
_MODEL: Final = "paddleformers.transformers.model_utils"


class PaddleFormersInstrumentor(LibraryInstrumentor[Handlers]):
    """Switches the patches of PaddleFormers on (``instrument()``) and off (``uninstrument()``), any number of times."""

    scope = "paddle_otel.paddleformers"
    patch_set: ClassVar[PatchSet] = PatchSet("paddleformers")

    def handlers(self, telemetry: Telemetry) -> Handlers:
        """Make what the wrappers share."""
        return Handlers.on(telemetry)

    def patches(self, handlers: Handlers) -> Iterable[Patch]:
        """Return the table of patches."""
        return [
            Patch(_GENERATION, "GenerationMixin.generate", GenerateWrapper(handlers, "paddleformers")),
            Patch(_MODEL, "PretrainedModel.from_pretrained", FromPretrainedWrapper(handlers, a.KIND_PRETRAINED_MODEL)),
            *_tokenizers(handlers),
            *own_tokenizers(handlers, _LEGACY_BASE, _LEGACY),
            *forward_patches(handlers, _MODEL),
        ]


def _tokenizers(handlers: Handlers) -> list[Patch]:
    mixin, base = "PaddleTokenizerMixin", "PreTrainedTokenizerBase"
    return [
        Patch(_TOKENIZER, f"{mixin}.__call__", EncodeWrapper(handlers, accepts_everything)),
        Patch(_TOKENIZER, f"{mixin}.apply_chat_template", ChatTemplateWrapper(handlers, accepts_everything)),
        Patch(_TOKENIZER, f"{mixin}.from_pretrained", FromPretrainedWrapper(handlers, a.KIND_TOKENIZER)),
        # These the mixin inherits; patched once PaddleFormers is imported, so that other programs keep theirs.
        Patch(_TOKENIZER, f"{base}.encode", EncodeWrapper(handlers, _is_of_paddleformers), _TRANSFORMERS),
        Patch(_TOKENIZER, f"{base}.decode", DecodeWrapper(handlers, _is_of_paddleformers), _TRANSFORMERS),
        Patch(_TOKENIZER, f"{base}.batch_decode", DecodeWrapper(handlers, _is_of_paddleformers), _TRANSFORMERS),
    ]


def _is_of_paddleformers(tokenizer: Any) -> bool:
    mixin = getattr(sys.modules.get(_TOKENIZER), "PaddleTokenizerMixin", None)
    return mixin is not None and isinstance(tokenizer, mixin)
