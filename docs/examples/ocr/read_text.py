"""Reads the text in a picture with PaddleOCR. Nothing in this program knows of OpenTelemetry."""

import os
import tempfile
from pathlib import Path

# PaddleOCR is not to look for hosts that have models: they are in a package.
os.environ.setdefault("PADDLE_PDX_DISABLE_MODEL_SOURCE_CHECK", "True")

import ppocr_v4
from paddleocr import PaddleOCR

with tempfile.TemporaryDirectory() as name:
    folder = Path(name)
    ocr = PaddleOCR(**ppocr_v4.options(ppocr_v4.write_models(folder)), use_textline_orientation=True)
    picture = ppocr_v4.draw(["Invoice 2024-118", "Total: $451.30"], folder / "invoice.png")
    for page in ocr.predict(str(picture)):
        for line in page["rec_texts"]:
            print(line)
