"""What is patched for ``paddle.inference``: predictors and how they are made."""

from collections.abc import Iterable
from typing import Final

from paddle_otel.inference.handlers import InferenceHandlers
from paddle_otel.inference.predictor_known import KnownPredictors
from paddle_otel.inference.predictor_load import DerivedPredictorWrapper, PredictorLoadWrapper
from paddle_otel.inference.predictor_run import PredictorRunWrapper
from paddle_otel.patching import Patch, Wrapper

# All at the end of "import paddle": parts of Paddle that bind a function of another part hold the original then, and
# each is patched once.
_PADDLE: Final = "paddle"
_CORE: Final = "paddle.base.core"
_INFERENCE: Final = "paddle.inference"


def predictor_patches(handlers: InferenceHandlers) -> Iterable[Patch]:
    """Return the patches.

    A program that was started before these patches and binds ``create_predictor`` by name keeps the original: the
    model of its predictors has no name, their runs are seen all the same.

    Args:
        handlers: Where the wrappers report to.
    """
    predictors = handlers.telemetry.meters.keep(KnownPredictors, KnownPredictors)
    run = PredictorRunWrapper(handlers, predictors)
    load = PredictorLoadWrapper(handlers, predictors.made)
    construct = PredictorLoadWrapper(handlers, predictors.made, constructor=True)
    derive = DerivedPredictorWrapper(predictors.derived)
    return [
        _patch(_INFERENCE, "Predictor.run", run),
        _patch(_INFERENCE, "Predictor.clone", derive),
        _patch(_INFERENCE, "Predictor.__init__", construct),  # Predictor(config)
        _patch(_INFERENCE, "create_predictor", load),
        _patch(_CORE, "create_predictor", load),
        _patch("paddle.incubate.jit.inference_decorator", "create_predictor", load),
        _patch(_INFERENCE, "PredictorPool.__init__", construct),
        _patch(_INFERENCE, "PredictorPool.retrieve", derive),
        _patch(_INFERENCE, "PredictorPool.retrive", derive),  # its name until Paddle 2.6
        # The interface before 2.0, which Paddle still has.
        _patch(_CORE, "AnalysisPredictor.run", run),
        _patch(_CORE, "AnalysisPredictor.zero_copy_run", run),
        _patch(_CORE, "AnalysisPredictor.clone", derive),
        _patch(_CORE, "create_paddle_predictor", load),
    ]


def _patch(owner: str, name: str, wrapper: Wrapper) -> Patch:
    return Patch(_PADDLE, name, wrapper, owner_module=owner)
