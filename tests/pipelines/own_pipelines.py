"""Pipelines and models as programs add them to PaddleX: quick, and told by their arguments what to do."""

import importlib
import os
from collections.abc import Generator, Iterator
from typing import Any

from opentelemetry import trace

os.environ["PADDLE_PDX_DISABLE_MODEL_SOURCE_CHECK"] = "True"  # PaddleX reads it when it is imported

BasePipeline: Any = importlib.import_module("paddlex.inference.pipelines.base").BasePipeline
ParallelPipeline: Any = importlib.import_module(
    "paddlex.inference.pipelines._parallel"
).AutoParallelImageSimpleInferencePipeline


class Halves(BasePipeline):
    """Gives half of each number, one after the other, and takes what is sent in instead of the next one."""

    entities = "halves"

    def predict(self, input: list[Any], **options: Any) -> Generator[Any, Any, int]:  # noqa: A002 - PaddleX's name
        """Give the halves; ``catch`` names an exception that is given as a result instead of raised."""
        self.closed = False
        try:
            for number in input:
                with trace.get_tracer("pipeline").start_as_current_span("halving"):
                    half = number / 2
                try:
                    sent: Any = yield half
                except options.get("catch", ()) as error:
                    sent = yield error
                if sent is not None:
                    yield sent
            return len(input)
        finally:
            self.closed = True


class Doubles(BasePipeline):
    """Gives all results at once."""

    entities = ("doubles",)

    def predict(self, input: list[Any], **_: Any) -> list[Any]:  # noqa: A002 - PaddleX's name
        """Return the double of each."""
        return [2 * number for number in input]


class Later(BasePipeline):
    """Gives a generator, without being one."""

    entities = "later"

    def predict(self, input: list[Any], **_: Any) -> Iterator[Any]:  # noqa: A002 - PaddleX's name
        """Return a generator."""
        return (number + 1 for number in input)


class Nested(BasePipeline):
    """Has another pipeline inside."""

    entities = "nested"

    def __init__(self, **options: Any) -> None:
        BasePipeline.__init__(self, **options)
        self.halves = self.create_pipeline({"pipeline_name": "halves"})

    def predict(self, input: list[Any], **_: Any) -> Iterator[Any]:  # noqa: A002 - PaddleX's name
        """Give the halves of the halves."""
        yield from self.halves(list(self.halves(input)))


class Broken(BasePipeline):
    """Cannot be created."""

    entities = "broken"

    def __init__(self, **_: Any) -> None:
        raise FileNotFoundError("no such model")

    def predict(self, input: list[Any], **_: Any) -> None:  # noqa: A002 - PaddleX's name
        """Never called."""


class _TextBoxes(BasePipeline):
    """The inner part of a pipeline that can run on several devices."""

    def __init__(self, config: dict[str, Any], **options: Any) -> None:
        BasePipeline.__init__(self, **options)
        self.device = "cpu"  # whatever device it was given: the tests' machines have no other
        self.text_detection = self.create_model(config["SubModules"]["TextDetection"])

    def predict(self, input: Any, **_: Any) -> Iterator[Any]:  # noqa: A002 - PaddleX's name
        """Find the lines of text in pictures."""
        yield from self.text_detection(input)


class TextBoxes(ParallelPipeline):
    """Finds the lines of text in pictures, on several devices, in a thread for each, when it is given several."""

    entities = "text_boxes"

    @property
    def _pipeline_cls(self) -> type[_TextBoxes]:
        return _TextBoxes

    def _get_batch_size(self, config: dict[str, Any]) -> int:
        del config
        return 1
