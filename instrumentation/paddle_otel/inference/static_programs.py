"""Remembers programs that executors run, and tells predictions from everything else."""

from collections.abc import Iterable
from typing import Any, Final

from paddle_otel.conventions import attributes as a
from paddle_otel.inference.jit_static_models import NamedModel
from paddle_otel.inference.predictor_config import PredictorOrigin
from paddle_otel.inference.static_places import place_name
from paddle_otel.inference.static_run_arguments import RunArguments
from paddle_otel.operations.model_naming import ModelNaming
from paddle_otel.operations.predicted_model import PredictedModel
from paddle_otel.weak_identity import WeakIdentityMap

# Operators that change parameters. A program whose gradients are made of basic operators is told by these.
_OPTIMIZERS: Final = frozenset(
    {
        "adadelta", "adagrad", "adam", "adamax", "adamw", "asgd", "decayed_adagrad", "dgc_momentum",
        "distributed_fused_lamb", "dpsgd", "ftrl", "fused_adam", "lamb", "lars_momentum", "merged_adam",
        "merged_momentum", "momentum", "nadam", "proximal_adagrad", "proximal_gd", "radam", "rmsprop", "rprop", "sgd",
        "sparse_momentum",
    }
)  # fmt: skip


class KnownProgram:
    """What is known about one program.

    Attributes:
        is_loaded: Whether ``load_inference_model`` gave it.
        model: The model as its metrics report it, without a device.

    Args:
        naming: What it was loaded as, ``None`` when nobody saw it being loaded.
        is_loaded: Whether ``load_inference_model`` gave it.
    """

    __slots__ = ("_named", "_operators", "_trains", "is_loaded", "model")

    def __init__(self, naming: ModelNaming | None = None, *, is_loaded: bool = False) -> None:
        self._named: Final = NamedModel(a.KIND_STATIC_PROGRAM, naming)
        self.model: Final = self._named.anywhere
        self.is_loaded: Final = is_loaded
        self._operators = -1
        self._trains = False

    def model_on(self, executor: Any) -> PredictedModel:
        """Return the model as it runs on the device of an executor, which is made for it and keeps it."""
        return self._named.at(executor.place)

    def origin_on(self, executor: Any) -> PredictorOrigin:
        """Return what is known of it, for a run that generates."""
        return self._named.origin(place_name(executor.place))

    def trains(self, program: Any) -> bool:
        """Tell whether the program holds operators of training; read again when it has grown."""
        count = getattr(program, "num_ops", None)  # the older format has none
        operators = len(program.global_block().ops) if count is None else count()
        if operators != self._operators:
            self._trains = any(_is_of_training(name) for name in _operator_names(program))
            self._operators = operators
        return self._trains


class KnownPrograms:
    """All programs that were loaded, or run with inputs and outputs; a program that is gone is forgotten."""

    def __init__(self) -> None:
        self._programs: Final[WeakIdentityMap[KnownProgram]] = WeakIdentityMap()

    def loaded(self, program: Any, naming: ModelNaming | None) -> None:
        """Note what ``load_inference_model`` gave, and as what."""
        self._programs.keep(program, KnownProgram(naming, is_loaded=True))

    def predicting(self, run: RunArguments) -> KnownProgram | None:
        """Return what is known about the program of a run that is a prediction, ``None`` for any other run.

        Args:
            run: Its arguments.
        """
        program = run.given_program
        known = self._programs.get(program)
        if known is None:
            program = run.program()
            if program is None:
                return None
            known = self._programs.get(program)
        if (known is None or not known.is_loaded) and not run.has_inputs_and_outputs():
            return None  # it initialises or saves something
        if known is None:
            known = self._programs.keep(program, KnownProgram())
        return None if known.trains(program) else known


def _operator_names(program: Any) -> Iterable[str]:
    for operator in program.global_block().ops:
        # The older format has a plain attribute, the newer one a method that also tells the dialect.
        name = getattr(operator, "type", None)
        yield name if isinstance(name, str) else operator.name().rpartition(".")[2]


def _is_of_training(operator: str) -> bool:
    name = operator.removesuffix("_")  # in place
    return name.endswith("_grad") or name in _OPTIMIZERS
