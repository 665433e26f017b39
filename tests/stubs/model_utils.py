"""Stands in for ``transformers.model_utils``."""

import importlib
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

from stubs.tensors import StubTensor

_generation: Any = importlib.import_module(f"{__name__.partition('.')[0]}.generation.utils")


class PretrainedModel:
    """A model that can be loaded."""

    def __init__(self) -> None:
        self.config: Any = SimpleNamespace(
            num_hidden_layers=2,
            num_attention_heads=4,
            num_key_value_heads=2,
            hidden_size=32,
            eos_token_id=2,
            pad_token_id=0,
            name_or_path="",
        )
        self.generation_config: Any = _generation.GenerationConfig(eos_token_id=2, pad_token_id=0)
        self.place = "cpu"
        self._weight = StubTensor([0.0], self.place)
        self._weight.dtype = "paddle.float32"

    @classmethod
    def from_pretrained(cls, pretrained_model_name_or_path: Any, *args: Any, **kwargs: Any) -> Any:
        """Load a model; ``missing`` does not exist, ``outer`` loads another inside."""
        if pretrained_model_name_or_path == "missing":
            raise OSError("no such model")
        if pretrained_model_name_or_path == "outer":
            cls.from_pretrained("inner")
        if kwargs.get("output_loading_info"):
            return cls(*args), {}
        return cls(*args)

    def named_parameters(self) -> Iterator[tuple[str, Any]]:
        """Yield the parameters, of which only the first may be asked for."""
        if str(self._weight.place) != f"Place({self.place})":
            self._weight = StubTensor([0.0], self.place)
            self._weight.dtype = "paddle.float32"
        yield "embedding.weight", self._weight
        raise AssertionError("somebody walked over the whole model")


class StubForCausalLM(PretrainedModel, _generation.GenerationMixin):  # pyright: ignore[reportUntypedBaseClass] - made at run time
    """A language model."""


class StubWithLanguageModel(PretrainedModel):
    """A vision-language model: its ``generate`` calls a language model's inside."""

    def __init__(self) -> None:
        super().__init__()
        self.language_model: Any = StubForCausalLM()
        self.inner_calls = 1

    def generate(self, pixel_values: Any, **kwargs: Any) -> Any:
        """Look at the pixels, then generate."""
        if pixel_values is None:
            raise ValueError("no picture")
        results = [self.language_model.generate(**kwargs) for _ in range(self.inner_calls)]
        return results[-1]


BlipForConditionalGeneration = StubWithLanguageModel
