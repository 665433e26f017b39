"""What PaddleX calls a pipeline, a model, and the kind of work that a model does."""

import functools
import sys
from pathlib import Path
from typing import Any, cast


def pipeline_name(pipeline_class: Any) -> str | None:
    """Return the name under which a class of pipelines is registered.

    Args:
        pipeline_class: A subclass of PaddleX's ``BasePipeline``.

    Returns:
        ``OCR``, say. ``None`` for a class without a name: the inner part of a pipeline that can run on several devices.
    """
    entities: object = getattr(pipeline_class, "entities", None)
    if isinstance(entities, str):
        return entities
    if isinstance(entities, (list, tuple)):
        names = [name for name in cast("list[object]", entities) if isinstance(name, str)]
        # Which of several names this one was created under cannot be told.
        return names[0] if len(names) == 1 else pipeline_class.__name__
    return None


def model_name(name: object) -> str | None:
    """Return a model's name as PaddleX holds it, ``None`` when there is none; of a path the last component."""
    return Path(name).name if isinstance(name, str) and name else None


@functools.lru_cache(maxsize=512)
def module_of(model: str) -> str | None:
    """Return PaddleX's word for what a model does (``text_detection``), ``None`` when it is not one of PaddleX's own.

    Args:
        model: A model's name.
    """
    library = getattr(sys.modules.get("paddlex"), "__file__", None)
    if not library:
        return None
    kinds = Path(library).parent / "configs" / "modules"
    found = [kind.name for kind in kinds.iterdir() if (kind / f"{model}.yaml").is_file()] if kinds.is_dir() else []
    return found[0] if len(found) == 1 else None
