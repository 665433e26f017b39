"""What differs between the three pinned stacks, so that one test serves all of them.

``TEST_STACK`` names the stack whose environment runs the tests. Models have random weights and are as small
as their classes allow; tokenizers know a few whole words (:mod:`library.words`). Nothing is downloaded.
"""

import importlib
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from library.words import PADDLE_TEMPLATE, WORDS, write_fast_tokenizer

VARIABLE: Final = "TEST_STACK"
VOCABULARY_SIZE: Final = 100
PAD, BOS, EOS = 0, 1, 2
WEIGHTS_SEED: Final = 20

_IDS: Final = {"pad_token_id": PAD, "bos_token_id": BOS, "eos_token_id": EOS, "vocab_size": VOCABULARY_SIZE}
_SIZES: Final = {
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "max_position_embeddings": 128,
}
_GROUPED: Final = {**_IDS, **_SIZES, "num_key_value_heads": 2}
# The fused normalisation of PaddleFormers has no CPU kernel.
_FORMERS: Final = {**_GROUPED, "fuse_rms_norm": False}


@dataclass(frozen=True)
class ModelKind:
    """One model class.

    Attributes:
        class_name: Its name in ``{library}.transformers``.
        config_name: Name of its configuration's class.
        config: What the configuration is made from.
        cache_is_told: Whether the size of its key-value cache follows from the configuration.
    """

    class_name: str
    config_name: str
    config: Mapping[str, Any]
    cache_is_told: bool = False


@dataclass(frozen=True)
class Stack:
    """One pinned stack.

    Attributes:
        name: ``formers``, ``paddlenlp3`` or ``paddlenlp2``.
        library: ``paddleformers`` or ``paddlenlp``.
        instrumentor: Class name of the instrumentor in ``paddle_otel.{library}``.
        models: Model classes by a short name.
        tokenizers: What makes each kind of tokenizer from a folder.
        tokenizer_classes: Classes of tokenizers that are patched, ``module:class`` below the library.
        llama_needs_mask: Whether Llama cannot generate without an attention mask.
        honours_use_cache: Whether ``use_cache=False`` switches the key-value cache off; PaddleNLP takes the option and
            caches all the same.
        streams_prompt: Whether a streamer is given the prompt first.
    """

    name: str
    library: str
    instrumentor: str
    models: Mapping[str, ModelKind]
    tokenizers: Mapping[str, Callable[["Stack", Path], Any]]
    tokenizer_classes: tuple[str, ...]
    llama_needs_mask: bool
    honours_use_cache: bool
    streams_prompt: bool

    def module(self, name: str) -> Any:
        """Import a module of the library."""
        return importlib.import_module(f"{self.library}.{name}")

    def patched_classes(self) -> list[Any]:
        """Import the library, and return every class that its instrumentor patches."""
        self.module("transformers")
        names = (
            "generation.utils:GenerationMixin",
            "transformers.model_utils:PretrainedModel",
            *self.tokenizer_classes,
        )
        return [getattr(self.module(module), name) for module, _, name in (entry.partition(":") for entry in names)]

    def new_instrumentor(self) -> Any:
        """Return the instrumentor."""
        return getattr(importlib.import_module(f"paddle_otel.{self.library}"), self.instrumentor)()

    def model(self, kind: str, **options: Any) -> Any:
        """Return a new model with random weights, always the same ones.

        Args:
            kind: A key of ``models``.
            options: Configuration entries on top of the kind's.
        """
        transformers = self.module("transformers")
        chosen = self.models[kind]
        config = getattr(transformers, chosen.config_name)(**{**chosen.config, **options})
        importlib.import_module("paddle").seed(WEIGHTS_SEED)
        model = getattr(transformers, chosen.class_name)(config)
        model.eval()
        return model

    def conversation(self, text: str) -> Any:
        """Return a conversation of one turn, as ``apply_chat_template`` of every tokenizer of the stack takes it."""
        return text if self.library == "paddlenlp" else [{"role": "user", "content": text}]

    def chat(self, tokenizer: Any, text: str, **options: Any) -> Any:
        """Apply a tokenizer's chat template to a conversation of one turn; the answer is to follow.

        Args:
            tokenizer: A tokenizer of the stack.
            text: What the user says.
            options: As for ``apply_chat_template``.
        """
        # PaddleNLP's tokenizers give a mask on request only, PaddleFormers' always.
        masked = {"return_attention_mask": True} if self.library == "paddlenlp" else {}
        return tokenizer.apply_chat_template(
            self.conversation(text), add_generation_prompt=True, **{**masked, **options}
        )

    def tokenizer(self, kind: str, folder: Path) -> Any:
        """Return a new tokenizer that pads on the left and has a chat template.

        Args:
            kind: A key of ``tokenizers``.
            folder: An empty folder for its files.
        """
        return self.tokenizers[kind](self, folder)


def _fast_tokenizer(stack: Stack, folder: Path) -> Any:
    name = "PreTrainedTokenizerFast" if stack.library == "paddleformers" else "PretrainedTokenizerFast"
    write_fast_tokenizer(folder, name)
    return getattr(stack.module("transformers"), name).from_pretrained(str(folder))


def _slow_tokenizer(stack: Stack, folder: Path) -> Any:
    vocabulary = folder / "vocab.txt"
    vocabulary.write_text("\n".join(WORDS), encoding="utf-8")
    # It puts [CLS] in front and [SEP] behind: the tests count them.
    tokenizer = stack.module("transformers").BertTokenizer(str(vocabulary), padding_side="left")
    tokenizer.init_chat_template(PADDLE_TEMPLATE)
    return tokenizer


_PADDLENLP_TOKENIZER_CLASSES: Final = (
    "transformers.tokenizer_utils_base:PretrainedTokenizerBase",
    "transformers.tokenizer_utils:ChatTemplateMixin",
)
_LLAMA: Final = ModelKind("LlamaForCausalLM", "LlamaConfig", _GROUPED, cache_is_told=True)
_PADDLENLP: Final = {
    "llama": _LLAMA,
    "gpt": ModelKind("GPTForCausalLM", "GPTConfig", {**_IDS, **_SIZES, "eol_token_id": EOS}, cache_is_told=True),
    "opt": ModelKind("OPTForCausalLM", "OPTConfig", {**_IDS, **_SIZES, "word_embed_proj_dim": 32}, cache_is_told=True),
    "bloom": ModelKind("BloomForCausalLM", "BloomConfig", {**_IDS, "hidden_size": 32, "n_layer": 2, "n_head": 4}),
    "t5": ModelKind(
        "T5ForConditionalGeneration",
        "T5Config",
        {**_IDS, "d_model": 32, "d_kv": 8, "d_ff": 64, "num_layers": 2, "num_heads": 4, "decoder_start_token_id": PAD},
    ),
}

STACKS: Final = {
    stack.name: stack
    for stack in (
        Stack(
            name="formers",
            library="paddleformers",
            instrumentor="PaddleFormersInstrumentor",
            models={
                "llama": ModelKind("LlamaForCausalLM", "LlamaConfig", _FORMERS, cache_is_told=True),
                "ernie": ModelKind(
                    "Ernie4_5ForCausalLM", "Ernie4_5Config", {**_FORMERS, "use_cache": True}, cache_is_told=True
                ),
                "phi": ModelKind("Phi3ForCausalLM", "Phi3Config", _FORMERS, cache_is_told=True),
                "phi_window": ModelKind("Phi3ForCausalLM", "Phi3Config", {**_FORMERS, "sliding_window": 4}),
                "gpt_oss": ModelKind(
                    "GptOssForCausalLM",
                    "GptOssConfig",
                    {**_FORMERS, "head_dim": 8, "num_local_experts": 2, "num_experts_per_tok": 1},
                ),
            },
            tokenizers={"fast": _fast_tokenizer},
            tokenizer_classes=(
                "transformers.tokenizer_utils:PaddleTokenizerMixin",
                "transformers.tokenizer_utils:PreTrainedTokenizerBase",
                "transformers.legacy.tokenizer_utils_base:PretrainedTokenizerBase",
                "transformers.legacy.tokenizer_utils:ChatTemplateMixin",
            ),
            llama_needs_mask=False,
            honours_use_cache=True,
            streams_prompt=True,
        ),
        Stack(
            name="paddlenlp3",
            library="paddlenlp",
            instrumentor="PaddleNLPInstrumentor",
            models={
                **_PADDLENLP,
                # The window is smaller than what is generated, and off.
                "qwen": ModelKind(
                    "Qwen2ForCausalLM", "Qwen2Config", {**_GROUPED, "sliding_window": 4}, cache_is_told=True
                ),
                "qwen_window": ModelKind(
                    "Qwen2ForCausalLM", "Qwen2Config", {**_GROUPED, "sliding_window": 4, "use_sliding_window": True}
                ),
                "mistral": ModelKind("MistralForCausalLM", "MistralConfig", _GROUPED),
                "gemma": ModelKind("GemmaForCausalLM", "GemmaConfig", {**_GROUPED, "head_dim": 8}, cache_is_told=True),
            },
            tokenizers={"fast": _fast_tokenizer, "slow": _slow_tokenizer},
            tokenizer_classes=_PADDLENLP_TOKENIZER_CLASSES,
            llama_needs_mask=True,
            honours_use_cache=False,
            streams_prompt=False,
        ),
        Stack(
            name="paddlenlp2",
            library="paddlenlp",
            instrumentor="PaddleNLPInstrumentor",
            models=_PADDLENLP,
            tokenizers={"slow": _slow_tokenizer},
            tokenizer_classes=_PADDLENLP_TOKENIZER_CLASSES,
            llama_needs_mask=True,
            honours_use_cache=False,
            streams_prompt=False,
        ),
    )
}


def current() -> Stack:
    """Return the stack that the environment names.

    Raises:
        RuntimeError: It names none, or one that does not exist.
    """
    name = os.environ.get(VARIABLE, "")
    if name not in STACKS:
        raise RuntimeError(f"{VARIABLE}={name!r}: set it to the stack whose environment this is: {', '.join(STACKS)}")
    return STACKS[name]
