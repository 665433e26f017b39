"""A stand-in for PaddleFormers that costs nothing itself, under the names that the patches look for."""

import copy
import sys
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np

IDS = list(range(32))


class StoppingCriteriaList(list[Any]):
    """As in the library."""

    def __call__(self, input_ids: Any, scores: Any) -> bool:
        """Ask every criterion."""
        return any(criterion(input_ids, scores) for criterion in self)


class GenerationMixin:
    """``generate`` with the library's signature: asks the stopping criteria once per step and returns prepared ids."""

    steps = 8
    result = np.arange(10, 18).reshape(1, 8)

    def generate(
        self,
        input_ids: Any = None,
        generation_config: Any = None,
        stopping_criteria: Any = None,
        streamer: Any = None,
        synced_gpus: Any = None,
        **kwargs: Any,
    ) -> Any:
        """Return the prepared ids."""
        criteria: Any = StoppingCriteriaList() if stopping_criteria is None else copy.deepcopy(stopping_criteria)
        for _ in range(self.steps):
            criteria(input_ids, None)
        return self.result, None


class Model(GenerationMixin):
    """Has what the extractors read: configuration, generation configuration, one parameter."""

    def __init__(self) -> None:
        self.config = SimpleNamespace(
            num_hidden_layers=30, num_attention_heads=9, num_key_value_heads=3, hidden_size=576, eos_token_id=2
        )
        self.generation_config = SimpleNamespace(
            max_new_tokens=20, decode_strategy="greedy_search", use_cache=True, num_return_sequences=1, pad_token_id=2
        )
        self._parameter = SimpleNamespace(place="Place(cpu)", dtype="paddle.float32")

    def named_parameters(self) -> Any:
        """Yield the parameter."""
        yield "weight", self._parameter


class PaddleTokenizerMixin:
    """A tokenizer that returns the same 32 ids at once."""

    pad_token_id = 2
    eos_token_id = 2

    def __call__(self, text: str) -> dict[str, list[int]]:
        """Return the ids."""
        return {"input_ids": IDS}


def install() -> None:
    """Put the stand-in where the library would be."""
    _module("paddleformers.generation.stopping_criteria", StoppingCriteriaList=StoppingCriteriaList)
    _module("paddleformers.generation.utils", GenerationMixin=GenerationMixin)
    _module("paddleformers.transformers.tokenizer_utils", PaddleTokenizerMixin=PaddleTokenizerMixin)


def _module(name: str, **content: Any) -> None:
    module = ModuleType(name)
    vars(module).update(content)
    sys.modules[name] = module
