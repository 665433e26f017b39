"""Stand-ins for PaddleNLP and PaddleFormers: their module and class names, their calls, no Paddle.

Inside :func:`installed` the program's imports find the stubs; each time they are made anew. :func:`make_stub` gives a
model that generates what was prepared, in no time, for tests and benchmarks:

.. code:: python

    with installed():
        PaddleFormersInstrumentor().instrument()
        stub = make_stub("paddleformers", steps=100)
        stub.model.generate(stub.input_ids)
"""

import importlib
import importlib.util
import sys
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType
from typing import Any, Final, Literal

import numpy as np

from stubs.script import Script
from stubs.tensors import StubTensor

Library = Literal["paddlenlp", "paddleformers"]
LIBRARIES: Final[tuple[Library, ...]] = ("paddlenlp", "paddleformers")

_FOLDER: Final = Path(__file__).parent / "stubs"
_EVERYWHERE: Final = {
    "generation.stopping_criteria": "stopping_criteria",
    "generation.utils": "generation_utils",
    "transformers.model_utils": "model_utils",
}
_SOURCES: Final = {
    **{f"{library}.{module}": source for library in LIBRARIES for module, source in _EVERYWHERE.items()},
    "paddlenlp.transformers.tokenizer_utils_base": "paddlenlp_base",
    "paddlenlp.transformers.tokenizer_utils": "paddlenlp_tokenizer",
    "paddlenlp.transformers.blip.modeling": "model_utils",
    "paddleformers.transformers.tokenizer_utils": "paddleformers_tokenizer",
    "paddleformers.transformers.legacy.tokenizer_utils_base": "paddlenlp_base",
    "paddleformers.transformers.legacy.tokenizer_utils": "paddlenlp_tokenizer",
    "transformers.tokenization_utils_base": "transformers_base",
}
_PACKAGES: Final = {
    ".".join(parts[:length]) for parts in (name.split(".") for name in _SOURCES) for length in range(1, len(parts))
}
_ROOTS: Final = {name.partition(".")[0] for name in _PACKAGES}


class _Finder(MetaPathFinder):
    def find_spec(self, fullname: str, _: Sequence[str] | None, __: ModuleType | None = None, /) -> ModuleSpec | None:
        if fullname in _SOURCES:
            return importlib.util.spec_from_file_location(fullname, _FOLDER / f"{_SOURCES[fullname]}.py")
        return ModuleSpec(fullname, None, is_package=True) if fullname in _PACKAGES else None


@contextmanager
def installed() -> Generator[None]:
    """Let the libraries' names mean the stubs; what they meant before is back afterwards."""
    before = _taken_out()
    finder = _Finder()
    # Before what searches the path, behind what watches imports.
    sys.meta_path.insert(sys.meta_path.index(PathFinder), finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)
        _taken_out()
        sys.modules.update(before)


def _taken_out() -> dict[str, ModuleType]:
    names = [name for name in sys.modules if name.partition(".")[0] in _ROOTS]
    return {name: sys.modules.pop(name) for name in names}


def module(name: str) -> Any:
    """Import a stub module, as the program would."""
    return importlib.import_module(name)


def tokenizer_of(library: Library) -> Any:
    """Return a tokenizer of a library."""
    return module(f"{library}.transformers.tokenizer_utils").StubTokenizer()


@dataclass
class Stub:
    """A model with its prompt and what it will generate.

    Attributes:
        model: The model.
        input_ids: A prompt that is already a tensor.
        script: What ``model.generate`` does and returns.
        criteria_list: The library's class for lists of stopping criteria.
    """

    model: Any
    input_ids: StubTensor
    script: Script
    criteria_list: Any


def make_stub(
    library: Library = "paddleformers",
    *,
    steps: int = 3,
    rows: int = 1,
    columns: int = 5,
    ids: Any = None,
    place: str = "cpu",
) -> Stub:
    """Make a model whose ``generate`` asks the stopping criteria once a step and returns prepared ids.

    Args:
        library: Whose ``generate`` it is; inside :func:`installed` only.
        steps: How often the criteria are asked.
        rows: Prompts, and sequences that are returned.
        columns: Length of the prompts.
        ids: What is returned, where it matters; otherwise every step's id is 5, and the last one's 2 (end of sequence).
        place: Where prompt, parameters and result are: ``cpu``, ``gpu:0``.
    """
    model = module(f"{library}.transformers.model_utils").StubForCausalLM()
    model.place = place
    returned = [[5] * (steps - 1) + [2]] * rows if ids is None else ids
    model.script = Script(np.asarray(returned, dtype=np.int64), place=place)
    criteria = module(f"{library}.generation.stopping_criteria").StoppingCriteriaList
    return Stub(model, StubTensor(np.full((rows, columns), 7, dtype=np.int64), place), model.script, criteria)
