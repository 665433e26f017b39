"""What a Taskflow says about itself: its task, its model, how much it was given and how much it gave."""

import sys
from typing import Any, Final, NamedTuple, cast

from paddle_otel.conventions import attributes as a
from paddle_otel.operations.pipeline import PipelineRequest
from paddle_otel.pretrained.model_facts import model_name

TASKFLOW_MODULE: Final = "paddlenlp.taskflow.taskflow"

# Parameters of ``Taskflow`` in their order.
_TASK, _MODEL, _MODE = "task", "model", "mode"
_PARAMETERS: Final = (_TASK, _MODEL, _MODE)


class TaskflowSource(NamedTuple):
    """What a Taskflow is loaded from; ``None`` is unknown.

    Attributes:
        task: The task.
        model: The model.
    """

    task: str | None = None
    model: str | None = None


def taskflow_source(args: tuple[Any, ...], kwargs: dict[str, Any]) -> TaskflowSource:
    """Read the arguments of ``Taskflow(...)``."""
    given = {**dict(zip(_PARAMETERS, args, strict=False)), **kwargs}
    task = given.get(_TASK)
    if not isinstance(task, str):
        return TaskflowSource()
    chosen = given.get(_MODE if _modes(task) else _MODEL) or _default(task)
    return TaskflowSource(task, _model(task, chosen, given.get("task_path")))


def taskflow_request(taskflow: Any, args: tuple[Any, ...]) -> PipelineRequest:
    """Return what is known before a call of a Taskflow.

    Args:
        taskflow: The Taskflow.
        args: The positional arguments of the call; there are no others that hold inputs.
    """
    model = _model(taskflow.task, taskflow.model, taskflow.kwargs.get("task_path"))
    attributes = {a.PADDLE_MODEL_NAME: model} if model else {}
    return PipelineRequest(taskflow.task, a.LIBRARY_PADDLENLP, input_count(args), attributes)


def input_count(args: tuple[Any, ...]) -> int | None:
    """Return how many inputs a Taskflow was given, ``None`` when that cannot be told without consuming them."""
    if not args:
        return None
    inputs = args[0]  # what follows, the tasks do not look at
    if isinstance(inputs, (list, tuple)):
        return len(cast("list[Any]", inputs))
    return 1 if isinstance(inputs, (str, dict)) else None


def result_count(inputs: int | None, result: Any) -> int | None:
    """Return how many results a Taskflow gave, ``None`` when that cannot be told.

    Args:
        inputs: How many inputs it was given.
        result: What it returned. Several inputs make a list of results. For one input some tasks return a list of one
            result, others the result itself, which may be a list too: of words, for instance.
    """
    if inputs is None or not isinstance(result, list):
        return None
    count = len(cast("list[Any]", result))
    return count if inputs > 1 or count == 1 else None


def _model(task: str, chosen: Any, task_path: Any) -> str | None:
    # A mode is not a model: the library says which model's folder a mode reads, except for those without one.
    mode = _modes(task).get(chosen, {})
    return model_name(task_path) or model_name(mode.get("task_priority_path")) or model_name(chosen)


def _modes(task: str) -> dict[Any, dict[str, Any]]:
    # Of tasks that choose by a mode; the others choose by the model's name.
    return _entry(task).get("modes", {})


def _default(task: str) -> Any:
    return _entry(task).get("default", {}).get(_MODE if _modes(task) else _MODEL)


def _entry(task: str) -> dict[str, Any]:
    tasks: dict[str, dict[str, Any]] = getattr(sys.modules.get(TASKFLOW_MODULE), "TASKS", {})
    return tasks.get(task, {})
