"""Classes of pipelines that a program makes while it runs: each is observed itself, and let go of with its program."""

import gc
import weakref
from collections.abc import Generator
from types import ModuleType
from typing import Any

from paddle_otel.paddlex import PaddleXInstrumentor
from pipelines.own_pipelines import Halves
from recording import Recorder

CELL = """
class Cell(Halves):
    entities = ()

    def predict(self, input, **_):
        yield "{result}"
"""


def local_pipeline() -> type:
    """Return a new class that no module has by its name; PaddleX would keep one that has a name for users."""

    class Thirds(Halves):
        entities = ()

        def predict(self, input: list[Any], **_: Any) -> Generator[Any, Any, int]:  # noqa: A002 - PaddleX's name
            yield from (number / 3 for number in input)
            return 0

    return Thirds


def test_a_class_that_a_function_made(observed: Recorder) -> None:
    """It is found by no name, and observed like any other; so are two of them."""
    first, second = local_pipeline(), local_pipeline()
    assert [list(kind()([3])) for kind in (first, second, first)] == [[1.0]] * 3
    assert len(observed.spans("pipeline Thirds")) == 3
    assert observed.point("paddle.pipeline.duration").count == 3


def test_a_class_that_is_made_anew_under_its_name(observed: Recorder) -> None:
    """As when a cell of a notebook is run again: objects of the old class are observed too, each call once."""
    notebook = ModuleType("notebook")
    vars(notebook)["Halves"] = Halves
    kinds: list[Any] = []
    for result in ("before", "after"):
        exec(CELL.format(result=result), vars(notebook))  # noqa: S102 - what a notebook does
        kinds.append(vars(notebook)["Cell"])
    originals: list[Any] = [vars(kind)["predict"] for kind in kinds]
    objects = [kind() for kind in kinds]
    observed.clear_spans()
    assert [list(one([1])) for one in objects] == [["before"], ["after"]]
    assert [span.name for span in observed.spans()] == ["pipeline Cell"] * 2
    PaddleXInstrumentor().uninstrument()
    assert all(vars(kind)["predict"] is original for kind, original in zip(kinds, originals, strict=True))


def test_classes_are_not_kept_alive(observed: Recorder) -> None:
    """A program may make a class for each of its requests; those that a module has by their name are let go of too."""
    notebook = ModuleType("notebook")
    vars(notebook)["Halves"] = Halves
    gone: list[weakref.ref[Any]] = []
    for _ in range(10):
        exec(CELL.format(result="cell"), vars(notebook))  # noqa: S102 - what a notebook does
        for kind in (vars(notebook).pop("Cell"), local_pipeline()):
            assert len(list(kind()([1]))) == 1
            gone.append(weakref.ref(kind))
        del kind
    gc.collect()
    assert [one for one in gone if one() is not None] == []
    assert len(observed.spans("pipeline Cell")) == 10


def test_a_method_that_was_kept_goes_on_without_its_class(observed: Recorder) -> None:
    """A bound method holds its object, and that its class: it is observed as long as somebody may call it."""
    kept = local_pipeline()().predict
    gc.collect()
    assert list(kept([3])) == [1.0]
    assert observed.span("pipeline Thirds")
