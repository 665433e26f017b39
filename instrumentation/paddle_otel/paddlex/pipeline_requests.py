"""What is known before a pipeline or a single model runs."""

from typing import Any

from paddle_otel.conventions import attributes as a
from paddle_otel.operations.pipeline import PipelineRequest
from paddle_otel.paddlex.handlers import PaddleXHandlers
from paddle_otel.paddlex.pipeline_inputs import input_count
from paddle_otel.paddlex.pipeline_names import model_name, module_of, pipeline_name


def pipeline_request(
    _: PaddleXHandlers, pipeline: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> PipelineRequest | None:
    """Describe a call of a pipeline of PaddleX; ``None`` for the inner part of one."""
    name = pipeline_name(type(pipeline))
    return None if name is None else PipelineRequest(name, a.LIBRARY_PADDLEX, input_count(args, kwargs))


def model_request(
    handlers: PaddleXHandlers, model: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> PipelineRequest | None:
    """Describe a call of a single model of PaddleX; ``None`` for the model of a pipeline."""
    if model in handlers.parts:
        return None
    return _of_model(model, a.LIBRARY_PADDLEX, input_count(args, kwargs))


def paddleocr_pipeline_request(
    _: PaddleXHandlers, wrapper: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> PipelineRequest | None:
    """Describe a call of a pipeline of PaddleOCR."""
    name = pipeline_name(type(wrapper.paddlex_pipeline))
    return None if name is None else PipelineRequest(name, a.LIBRARY_PADDLEOCR, input_count(args, kwargs))


def paddleocr_model_request(
    _: PaddleXHandlers, wrapper: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> PipelineRequest | None:
    """Describe a call of a single model of PaddleOCR."""
    return _of_model(wrapper.paddlex_predictor, a.LIBRARY_PADDLEOCR, input_count(args, kwargs))


def _of_model(model: Any, library: str, inputs: int | None) -> PipelineRequest:
    name = model_name(getattr(model, "model_name", None))
    module = None if name is None else module_of(name)
    attributes = {a.PADDLE_PIPELINE_MODULE: module} if module else {}
    return PipelineRequest(name or a.MODEL_UNKNOWN, library, inputs, attributes)
