"""Reads the arguments of ``generate`` the way the library itself resolves them."""

from collections.abc import Mapping
from typing import Any, Final, cast

from opentelemetry.util.types import AttributeValue

from paddle_otel.conventions import attributes as a
from paddle_otel.operations.tensors import shape_of

# Order of the positional parameters of GenerationMixin.generate after self, in every supported version.
PARAMETERS: Final = ("input_ids", "generation_config", "stopping_criteria", "streamer", "synced_gpus")

_REQUEST_ATTRIBUTES: Final[Mapping[str, tuple[str, type[int] | type[float]]]] = {
    "temperature": (a.GEN_AI_REQUEST_TEMPERATURE, float),
    "top_p": (a.GEN_AI_REQUEST_TOP_P, float),
    "top_k": (a.GEN_AI_REQUEST_TOP_K, int),
    "seed": (a.GEN_AI_REQUEST_SEED, int),
}


class GenerateArguments:
    """The arguments of one ``generate`` call.

    Args:
        model: The model that is called.
        args: Positional arguments after ``self``.
        kwargs: Keyword arguments.
    """

    def __init__(self, model: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
        self._model = model
        self._kwargs = kwargs
        self._positional: dict[str, Any] = dict(zip(PARAMETERS, args, strict=False))
        self._passed_config = self.argument("generation_config")
        self._prompt_shape = shape_of(self.input_ids if self.input_ids is not None else self.argument("inputs_embeds"))

    def argument(self, name: str) -> Any:
        """Return an argument however it was passed, ``None`` when it was not."""
        found = self._positional.get(name)
        return self._kwargs.get(name) if found is None else found

    @property
    def input_ids(self) -> Any:
        """The prompt's ids, ``None`` when the call has none."""
        return self.argument("input_ids")

    @property
    def rows(self) -> int:
        """Number of prompts; a call without a prompt starts from one beginning-of-sequence token."""
        return self._prompt_shape[0] if self._prompt_shape else 1

    @property
    def columns(self) -> int:
        """Positions of the (padded) prompt."""
        return self._prompt_shape[1] if self._prompt_shape and len(self._prompt_shape) > 1 else 1

    @property
    def output_offset(self) -> int:
        """Positions in front of the new tokens in a result that keeps its prompt (``trunc_input=False``)."""
        if not getattr(getattr(self._model, "config", None), "is_encoder_decoder", False):
            # For embeddings the library puts one beginning-of-sequence token there, however many they are.
            return self.columns if self.argument("inputs_embeds") is None else 1
        decoder_prompt = shape_of(self.argument("decoder_input_ids"))
        return decoder_prompt[1] if decoder_prompt else 1  # without one, decoding starts from a single start token

    @property
    def strategy(self) -> str:
        """``greedy_search``, ``sampling`` or ``beam_search``."""
        return str(self.option("decode_strategy") or "greedy_search")

    @property
    def beams(self) -> int:
        """Number of beams, 1 without beam search."""
        return int(self.option("num_beams") or 1) if self.strategy == "beam_search" else 1

    @property
    def full_search_steps(self) -> int | None:
        """Steps of a beam search that runs to its limit, ``None`` without beam search.

        In the step in which all beams are done the library asks no stopping criteria: that step goes unseen.
        """
        return self.max_new_tokens if self.strategy == "beam_search" else None

    @property
    def may_end_early(self) -> bool:
        """Whether stopping criteria of the caller may end the generation."""
        return bool(self.argument("stopping_criteria"))

    @property
    def choices(self) -> int:
        """Sequences that are returned per prompt."""
        return int(self.option("num_return_sequences") or 1)

    @property
    def max_new_tokens(self) -> int | None:
        """How many tokens may be generated per sequence."""
        limit = self.option("max_new_tokens")
        length = self.option("max_length")
        # The library's rule for its deprecated option: it counts new tokens, and only beside the default of the other.
        if length and limit in (None, self._default("max_new_tokens")):
            return int(length)
        return None if limit is None else int(limit)

    @property
    def end_ids(self) -> frozenset[int]:
        """Ids that end a sequence; the option may be one id, a list or a list of lists."""
        return frozenset(_flatten(self._token_option("eos_token_id")))

    @property
    def pad_id(self) -> int | None:
        """Id that fills up shorter prompts, ``None`` when there is none."""
        pad = self._token_option("pad_token_id")
        return pad if isinstance(pad, int) else None

    @property
    def library_attends_to_padding(self) -> bool:
        """Whether the library, when it makes the attention mask itself, treats the padding id like any other.

        It compares that id with the option as it stands: with one end id, not with the members of a list of them.
        """
        return self.pad_id is None or self.pad_id == self._token_option("eos_token_id")

    def option(self, name: str) -> Any:
        """Return a generation option's effective value: the keyword, otherwise the generation configuration's.

        A keyword counts in the library even when it is ``None``.
        """
        if name in self._kwargs:
            return self._kwargs[name]
        return getattr(self._config(), name, None)

    def _token_option(self, name: str) -> Any:
        # The library falls back to the model's configuration for special tokens only.
        found = self.option(name)
        return getattr(getattr(self._model, "config", None), name, None) if found is None else found

    def _config(self) -> Any:
        # Read anew each time: a configuration derived from the model's is replaced by the library during the call.
        return self._passed_config or getattr(self._model, "generation_config", None)

    def request_attributes(self) -> dict[str, AttributeValue]:
        """Return ``gen_ai.request.*`` as the caller set them: values that are only defaults are left out."""
        attributes: dict[str, AttributeValue] = {}
        if self._is_set("max_new_tokens") or self._is_set("max_length"):
            limit = self.max_new_tokens
            if limit is not None:
                attributes[a.GEN_AI_REQUEST_MAX_TOKENS] = limit
        for name, (attribute, kind) in _REQUEST_ATTRIBUTES.items():
            value = self.option(name) if self._is_set(name) else None
            if isinstance(value, (int, float)):
                attributes[attribute] = kind(value)
        if self.choices != 1:
            attributes[a.GEN_AI_REQUEST_CHOICE_COUNT] = self.choices
        return attributes

    def _is_set(self, name: str) -> bool:
        if self._kwargs.get(name) is not None:
            return True
        value = getattr(self._passed_config, name, None)
        return value is not None and value != self._default(name)

    def _default(self, name: str) -> Any:
        return _DEFAULTS.value(cast("type[Any]", type(self._config())), name)


class _Defaults:
    """Default option values, read once per configuration class."""

    def __init__(self) -> None:
        self._instances: dict[type[Any], Any] = {}

    def value(self, kind: type[Any], name: str) -> Any:
        if kind not in self._instances:
            self._instances[kind] = kind()  # a configuration made without arguments holds the defaults
        return getattr(self._instances[kind], name, None)


_DEFAULTS: Final = _Defaults()


def _flatten(ids: Any) -> list[int]:
    if ids is None:
        return []
    if isinstance(ids, (list, tuple)):
        return [item for part in cast("list[Any]", ids) for item in _flatten(part)]
    return [int(ids)]
