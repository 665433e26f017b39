"""The per-step probe: a stopping criterion that never stops anything, and one behind all others that does for budgets.

The library calls the stopping criteria once per decode step in every decoding strategy. It copies the list deeply
before the first step, so the probe declines to be copied.
"""

import copy
import sys
from collections.abc import Callable, Mapping
from typing import Any, cast

from paddle_otel.guard import attempt
from paddle_otel.pretrained.generate_arguments import PARAMETERS

_POSITION = PARAMETERS.index("stopping_criteria")


class StepProbe:
    """Calls a function with the ids at each step, and keeps its answer.

    The time it is called is the time the step's token exists, on a GPU too: before asking the criteria the library
    updates the scores with ``paddle.to_tensor`` of a Python number, a blocking copy to the device behind the step's
    kernels. The probe itself waits for nothing.
    """

    __slots__ = ("_step", "stops")

    def __init__(self, step: Callable[[Any], bool]) -> None:
        self._step = step
        self.stops = False
        """Whether the generation is to stop after this step."""

    def __call__(self, ids: Any = None, *_: Any, **__: Any) -> bool:
        """Note the step; whether the ids are read is the function's decision, the scores never are."""
        self.stops = attempt("noting a decode step", self._step, ids) is True
        return False

    def __deepcopy__(self, _: dict[int, Any]) -> "StepProbe":
        """Stay the one that the generation holds."""
        return self


class BudgetCriterion:
    """Stops where the probe was told to."""

    __slots__ = ("_probe",)

    def __init__(self, probe: StepProbe) -> None:
        self._probe = probe

    def __call__(self, *_: Any, **__: Any) -> bool:
        """Answer for the step that the probe has noted."""
        return self._probe.stops

    def __deepcopy__(self, _: dict[int, Any]) -> "BudgetCriterion":
        """Stay with the probe, which is not copied either."""
        return self


def with_probe(
    library: str, args: tuple[Any, ...], kwargs: dict[str, Any], step: Callable[[Any], bool], *, may_stop: bool
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Return the arguments of ``generate`` with a probe in front of the caller's stopping criteria.

    In front, because a criterion that stops ends the round before the ones behind it are asked. What stops for a budget
    is behind them: they see the last step, too. The caller's own list is not changed. Criteria of a kind the library
    will reject are passed on as they are, for the library to reject.

    Args:
        library: The package with ``generation.stopping_criteria``: PaddleNLP, PaddleFormers, or PaddleX's copy.
        args: Positional arguments after ``self``.
        kwargs: Keyword arguments.
        step: Called once per decode step with all ids so far; tells whether to stop.
        may_stop: Whether it may ever tell so.
    """
    positional = len(args) > _POSITION
    given = args[_POSITION] if positional else kwargs.get("stopping_criteria")
    probe = StepProbe(step)
    behind = [BudgetCriterion(probe)] if may_stop else []
    criteria = _extended(_list_class(library), given, probe, behind)
    if criteria is None:
        return args, kwargs
    if positional:
        return (*args[:_POSITION], criteria, *args[_POSITION + 1 :]), kwargs
    return args, {**kwargs, "stopping_criteria": criteria}


def _extended(kind: Any, given: Any, probe: StepProbe, behind: list[BudgetCriterion]) -> Any:
    if kind is None:
        return None
    if given is None:
        return kind([probe, *behind])
    if not isinstance(given, kind):
        return None
    criteria = copy.copy(cast("list[Any]", given))  # keeps a subclass and its attributes
    criteria.insert(0, probe)
    criteria.extend(behind)
    return criteria


def _list_class(library: str) -> Any:
    modules: Mapping[str, Any] = sys.modules
    return getattr(modules.get(f"{library}.generation.stopping_criteria"), "StoppingCriteriaList", None)
