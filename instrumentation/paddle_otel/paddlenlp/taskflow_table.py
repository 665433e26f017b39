"""What is patched for ``paddlenlp.Taskflow``."""

from collections.abc import Iterable

from paddle_otel.paddlenlp.taskflow_calls import TaskflowCallWrapper
from paddle_otel.paddlenlp.taskflow_facts import TASKFLOW_MODULE
from paddle_otel.paddlenlp.taskflow_loads import TaskflowLoadWrapper
from paddle_otel.patching import Patch
from paddle_otel.pretrained.handlers import Handlers


def taskflow_patches(handlers: Handlers) -> Iterable[Patch]:
    """Return the patches.

    Args:
        handlers: Where the wrappers report to.
    """
    call = TaskflowCallWrapper(handlers)
    return (
        Patch(TASKFLOW_MODULE, "Taskflow.__init__", TaskflowLoadWrapper(handlers)),
        Patch(TASKFLOW_MODULE, "Taskflow.__call__", call),
        Patch(TASKFLOW_MODULE, "Taskflow.from_segments", call),
    )
