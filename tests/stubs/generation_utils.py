"""Stands in for ``generation.utils``: ``generate`` with the library's signature and its treatment of criteria."""

import copy
import importlib
from typing import Any

_criteria: Any = importlib.import_module(f"{__name__.rpartition('.')[0]}.stopping_criteria")


class GenerationConfig:
    """Options of a generation, with the library's defaults."""

    def __init__(self, **options: Any) -> None:
        self.max_new_tokens: int | None = 20
        self.max_length = 0
        self.decode_strategy = "greedy_search"
        self.temperature = 1.0
        self.top_p = 1.0
        self.top_k = 50
        self.num_beams = 1
        self.num_return_sequences = 1
        self.use_cache = True
        self.trunc_input = True
        self.pad_token_id: Any = None
        self.eos_token_id: Any = None
        vars(self).update(options)


class GenerationMixin:
    """Gives a model ``generate``."""

    script: Any

    def generate(
        self,
        input_ids: Any = None,
        generation_config: Any = None,
        stopping_criteria: Any = None,
        streamer: Any = None,
        synced_gpus: bool | None = None,
        **kwargs: Any,
    ) -> Any:
        """Generate what the script says."""
        if kwargs.get("unknown_option"):
            raise TypeError("generate() got an unexpected option")
        criteria = stopping_criteria if stopping_criteria is not None else _criteria.StoppingCriteriaList()
        _ = criteria.max_length  # as the library: anything but its own list ends here
        # As the library: the list is copied deeply, so that criteria see their own state only.
        result = self.script.run(copy.deepcopy(criteria), streamer)
        return self.wrapped_up(result, input_ids, generation_config, synced_gpus)

    def wrapped_up(self, result: Any, *_: Any) -> Any:
        """Return the result; a model may return something else."""
        return result
