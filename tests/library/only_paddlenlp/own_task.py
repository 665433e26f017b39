"""A task of the program's own, registered where ``Taskflow`` looks its tasks up."""

import importlib
from collections.abc import Callable
from typing import Any, Final

import pytest

TASK: Final = "own_task"
MODEL: Final = "own-model"


def register(
    monkeypatch: pytest.MonkeyPatch, answer: Callable[[Any], Any], load: Callable[[], None] = lambda: None
) -> None:
    """Register the task until the end of the test.

    Args:
        monkeypatch: Takes it out again.
        answer: Makes the results from the inputs.
        load: Called while the task is loaded.
    """
    tasks: dict[str, Any] = importlib.import_module("paddlenlp.taskflow.taskflow").TASKS
    chosen = {"task_class": _task_class(answer, load), "task_flag": TASK}
    monkeypatch.setitem(tasks, TASK, {"models": {f"hub/{MODEL}": chosen}, "default": {"model": f"hub/{MODEL}"}})


def _task_class(answer: Callable[[Any], Any], load: Callable[[], None]) -> Any:
    base: Any = importlib.import_module("paddlenlp.taskflow.task").Task

    class OwnTask(base):
        def __init__(self, **options: Any) -> None:
            base.__init__(self, **options)
            load()

        def _construct_model(self, *_: Any) -> None: ...

        _construct_tokenizer = _construct_input_spec = _construct_model

        def _preprocess(self, inputs: Any) -> Any:
            return inputs[0]

        def _run_model(self, inputs: Any) -> Any:
            return answer(inputs)

        def _postprocess(self, outputs: Any) -> Any:
            return outputs

        def from_segments(self, inputs: Any) -> Any:
            return answer(inputs[0])

    return OwnTask
