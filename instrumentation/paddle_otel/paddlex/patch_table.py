"""What is patched for PaddleX and PaddleOCR, and by what."""

from collections.abc import Iterable
from typing import Final

from paddle_otel.conventions import attributes as a
from paddle_otel.paddlex.handlers import PaddleXHandlers
from paddle_otel.paddlex.load_patches import ModelCreation, NetworkLoad, PartCreation, PipelineCreation
from paddle_otel.paddlex.observed_classes import ClassFamily, ObservedMethod
from paddle_otel.paddlex.pipeline_requests import (
    model_request,
    paddleocr_model_request,
    paddleocr_pipeline_request,
    pipeline_request,
)
from paddle_otel.paddlex.predict_patches import CallWrapper, Describe, GeneratorWrapper
from paddle_otel.patching import Patch
from paddle_otel.pretrained.forward_patches import ForwardWrapper
from paddle_otel.pretrained.generate_patches import GenerateWrapper

_PIPELINES: Final = "paddlex.inference.pipelines.base"
_PREDICT: Final = ("predict", "visual_predict")
_PREDICT_OR_ITERATE: Final = tuple(name + kind for name in _PREDICT for kind in ("", "_iter"))

# module of the base class, base class, methods, what describes a call.
# Objects of PaddleX's models hold their own __call__ as predict; both end in apply, which is looked up at each call.
_FAMILIES: Final[tuple[tuple[str, str, tuple[str, ...], Describe], ...]] = (
    (_PIPELINES, "BasePipeline", _PREDICT, pipeline_request),
    ("paddlex.inference.models.predictors.base_predictor", "BasePredictor", ("apply",), model_request),
    # PaddleX before 3.5
    ("paddlex.inference.models.base.predictor.base_predictor", "BasePredictor", ("apply",), model_request),
    ("paddleocr._pipelines.base", "PaddleXPipelineWrapper", _PREDICT_OR_ITERATE, paddleocr_pipeline_request),
    ("paddleocr._models.base", "PaddleXPredictorWrapper", _PREDICT_OR_ITERATE, paddleocr_model_request),
)

# Where a model's predictor is made, in PaddleX from 3.5 on and before.
_MODEL_CREATION: Final = (
    ("paddlex.inference.models.runners.paddle_static.runner", "PaddleStaticRunner._create"),
    ("paddlex.inference.models.common.static_infer", "PaddleInfer._create"),
)

# PaddleX's copies of PaddleNLP's base classes: of the models of its engine paddle_dynamic.
_TRANSFORMERS: Final = "paddlex.inference.models.common.transformers"
_NETWORK: Final = f"{_TRANSFORMERS}.transformers.model_utils"
_GENERATION: Final = f"{_TRANSFORMERS}.generation.utils"


def class_families(handlers: PaddleXHandlers) -> Iterable[ClassFamily]:
    """Return the classes whose methods run a pipeline or a model.

    Args:
        handlers: Where the wrappers report to.
    """
    for module, base, names, describe in _FAMILIES:
        as_generator, as_call = GeneratorWrapper(handlers, describe), CallWrapper(handlers, describe)
        yield ClassFamily(module, base, tuple(ObservedMethod(name, as_generator, as_call) for name in names))


def creation_patches(handlers: PaddleXHandlers) -> Iterable[Patch]:
    """Return the patches of what creates pipelines and models.

    Args:
        handlers: Where the wrappers report to.
    """
    # The one thing that is called whenever a pipeline is created, whoever does it and whatever its class.
    yield Patch("paddlex.utils.subclass_register", "AutoRegisterABCMetaClass.__call__", PipelineCreation(handlers))
    yield Patch(_PIPELINES, "BasePipeline.create_model", PartCreation(handlers))
    for module, method in _MODEL_CREATION:
        yield Patch(module, method, ModelCreation())


def network_patches(handlers: PaddleXHandlers) -> Iterable[Patch]:
    """Return the patches of models that PaddleX runs as networks.

    Args:
        handlers: Where the wrappers report to.
    """
    networks = handlers.networks
    yield Patch(_GENERATION, "GenerationMixin.generate", GenerateWrapper(networks, _TRANSFORMERS))
    yield Patch(_NETWORK, "PretrainedModel.from_pretrained", NetworkLoad(networks, a.KIND_PRETRAINED_MODEL))
    yield Patch(_NETWORK, "PretrainedModel.__call__", ForwardWrapper(networks))
