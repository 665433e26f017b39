"""Remembers what does not change about a predictor: its model, the names of its values, and the handles to them."""

from typing import Any, Final, NamedTuple

from paddle_otel.conventions import attributes as a
from paddle_otel.inference.exported_generation import is_generation_program
from paddle_otel.inference.predictor_config import PredictorOrigin, unseen_origin
from paddle_otel.inference.program_inputs import text_inputs
from paddle_otel.inference.program_values import HandleValues, ProgramValues, TensorValues
from paddle_otel.operations.predicted_model import PredictedModel
from paddle_otel.weak_identity import WeakIdentityMap


class PredictorValues(NamedTuple):
    """Inputs of one run and where its outputs will be.

    Attributes:
        inputs: The inputs.
        held_outputs: The outputs when they stay in the predictor; ``None`` when the run returns them.
    """

    inputs: ProgramValues
    held_outputs: ProgramValues | None


class KnownPredictor:
    """What is known about one predictor; does not keep it alive.

    Args:
        predictor: The predictor, new or legacy.
        origin: What was known when it was made.
        model: The model as its predictions report it, the same for all clones.

    Attributes:
        held: What is in the predictor: of a call of ``run`` without arguments.
        text: Where it takes tokenised text.
        generates: Whether a run generates a whole answer.
    """

    __slots__ = ("_list_names", "_outputs", "generates", "held", "model", "origin", "text")

    def __init__(self, predictor: Any, origin: PredictorOrigin, model: PredictedModel) -> None:
        self.origin: Final = origin
        self.model: Final = model
        names = predictor.get_input_names()
        on_host = model.device == "cpu"
        suffix = "handle" if hasattr(predictor, "get_input_handle") else "tensor"
        inputs = HandleValues(predictor, f"get_input_{suffix}", names, on_host=on_host)
        self._outputs = HandleValues(predictor, f"get_output_{suffix}", predictor.get_output_names(), on_host=on_host)
        self._list_names = () if origin.matches_by_name else tuple(names)
        self.text: Final = text_inputs(names)
        self.held: Final = PredictorValues(inputs, self._outputs)
        self.generates: Final = is_generation_program(names)

    def given(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> PredictorValues:
        """Return the inputs of a call of ``run`` with arguments: its list of tensors."""
        given = args[0] if args else kwargs.get("inputs")
        return PredictorValues(TensorValues(self._list_names, given), None)

    def outputs(self, values: PredictorValues, result: object) -> ProgramValues:
        """Return the outputs of a run that returned."""
        held = values.held_outputs
        return TensorValues(self._outputs.names, result) if held is None else held


class KnownPredictors:
    """All predictors and pools that were made or run; one that is gone is forgotten.

    Attributes:
        seen: What is known about the predictors that were run.
    """

    def __init__(self) -> None:
        # Paddle's objects take no attributes, so what is known of them is kept beside them.
        self.seen: Final[WeakIdentityMap[KnownPredictor]] = WeakIdentityMap()
        self._made: Final[WeakIdentityMap[_Made]] = WeakIdentityMap()

    def __len__(self) -> int:
        """Return how many predictors and pools are known."""
        return len(self._made)

    def read(self, predictor: Any) -> KnownPredictor:
        """Return what is known about a predictor, read off it at its first run."""
        made = self._made.get(predictor) or self._made.keep(predictor, _Made.by(unseen_origin()))
        # Not before the first run: what a configuration without a program makes must not be asked for anything.
        return self.seen.keep(predictor, KnownPredictor(predictor, made.origin, made.model))

    def made(self, predictor: Any, origin: PredictorOrigin) -> None:
        """Note where a predictor, or the predictors of a pool, come from."""
        self._remember(predictor, _Made.by(origin))

    def derived(self, predictor: Any, derived: Any) -> None:
        """Note that a predictor runs the same program as another one, or is one of a pool's."""
        made = self._made.get(predictor)
        if made is not None:
            self._remember(derived, made)

    def _remember(self, predictor: Any, made: "_Made") -> None:
        # Handles of whatever was at the same address before are never used.
        self.seen.drop(predictor)
        self._made.keep(predictor, made)


class _Made(NamedTuple):
    """Where a predictor comes from, and its model: the same for all clones."""

    origin: PredictorOrigin
    model: PredictedModel

    @classmethod
    def by(cls, origin: PredictorOrigin) -> "_Made":
        model = PredictedModel(origin.name, a.KIND_PREDICTOR, device=origin.device, attributes=origin.attributes)
        return cls(origin, model)
