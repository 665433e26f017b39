"""Small models of PaddleX's engine ``paddle_dynamic``, with random weights, in the folders that PaddleX takes."""

import importlib
import json
from pathlib import Path
from typing import Any, Final

import numpy as np

ORIENTATION: Final = "PP-LCNet_x0_25_textline_ori"
_MODELS: Final = "paddlex.inference.models"
_HALVES: Final = {"mean": [0.5] * 3, "std": [0.5] * 3, "scale": 1 / 255}
_CONFIGURATION: Final = {
    "Global": {"model_name": ORIENTATION},
    "PreProcess": {
        "transform_ops": [{"ResizeImage": {"size": [192, 48]}}, {"NormalizeImage": _HALVES}, {"ToCHWImage": None}]
    },
    "PostProcess": {"Topk": {"topk": 1, "label_list": ["0_degree", "180_degree"]}},
}


def write_classifier(paddle: Any, folder: Path) -> None:
    """Write a classifier of pictures, which knows two ways up."""
    modeling = importlib.import_module(f"{_MODELS}.image_classification.modeling")
    config = importlib.import_module(f"{_MODELS}.image_classification.modeling._config").PPLCNetConfig(
        scale=0.25, num_labels=2, class_expand=16
    )
    paddle.seed(3)
    model = modeling.PPLCNet(config)
    transposed = model.get_transpose_weight_keys()
    weights = {
        key: np.ascontiguousarray(value.numpy().T if key in transposed else value.numpy())
        for key, value in model.get_hf_state_dict().items()
    }
    folder.mkdir(parents=True)
    save_file: Any = importlib.import_module("safetensors.numpy").save_file
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    (folder / "config.json").write_text(json.dumps(config.to_dict()))
    (folder / "inference.yml").write_text(json.dumps(_CONFIGURATION))  # JSON is YAML


def write_language_model(paddle: Any, folder: Path) -> Any:
    """Write the language model inside PaddleX's vision-language models, and return its class."""
    modeling = importlib.import_module(f"{_MODELS}.doc_vlm.modeling.qwen2")
    config = modeling.Qwen2Config(
        vocab_size=100,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=4,
        max_position_embeddings=64,
        use_sliding_window=False,
    )
    paddle.seed(5)
    folder.mkdir(parents=True)
    paddle.save(modeling.Qwen2ForCausalLM(config).state_dict(), str(folder / "model_state.pdparams"))
    (folder / "config.json").write_text(json.dumps(config.to_dict()))
    return modeling.Qwen2ForCausalLM
