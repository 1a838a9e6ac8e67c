"""Predict image files with the model.onnx beside this script: python predict.py photo.jpg ...

It needs onnxruntime, NumPy and Pillow. The images are framed as cvkit frames them for this model.
"""

import json
import math
import sys
from pathlib import Path

import numpy as np
import onnxruntime
from PIL import Image, ImageOps

session = onnxruntime.InferenceSession(Path(__file__).parent / "model.onnx", providers=["CPUExecutionProvider"])
metadata = json.loads(session.get_modelmeta().custom_metadata_map["cvkit"])
info, thresholds = metadata["info"], metadata["thresholds"]
declines = "declined" in [output.name for output in session.get_outputs()]
size, framing = (info["height"], info["width"]), info["framing"]


def read(path: str) -> Image.Image:
    """Return an image upright, with transparent pixels on white and 8 bits per channel."""
    image = ImageOps.exif_transpose(Image.open(path))
    if image.mode.startswith("I"):  # 16-bit grey
        image = Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    if image.has_transparency_data:
        white = Image.new("RGBA", image.size, "white")
        white.alpha_composite(image.convert("RGBA"))
        image = white
    return image.convert("L" if info["channels"] == 1 else "RGB")


def window(height: int, width: int) -> tuple[int, int, int, int]:
    """Return the size to which an image is resized, and the first row and column that are kept."""
    if framing["mode"] == "squash" or (height, width) == size:
        return *size, 0, 0
    ratios = [size[0] / height, size[1] / width]
    if framing["mode"] == "pad":
        resized = [min(s, max(1, round(g * min(ratios)))) for s, g in zip(size, (height, width), strict=True)]
        return *resized, (resized[0] - size[0]) // 2, (resized[1] - size[1]) // 2
    covered = [math.floor(side / framing["crop_pct"]) for side in size]
    if ratios[0] >= ratios[1]:
        resized = [covered[0], int(covered[0] * width / height)]
    else:
        resized = [int(covered[1] * height / width), covered[1]]
    resized = [max(one, other) for one, other in zip(resized, size, strict=True)]
    return *resized, round((resized[0] - size[0]) / 2), round((resized[1] - size[1]) / 2)


def frame(image: Image.Image) -> np.ndarray:
    """Return an image as pixels of the model's size, uint8 (C, H, W)."""
    height, width, top, left = window(image.height, image.width)
    if framing["interpolation"] == "nearest":
        pairs = ((height, image.height), (width, image.width))
        rows, columns = ((np.arange(n, dtype=np.float32) * np.float32(s / n)).astype(int) for n, s in pairs)
        image = Image.fromarray(np.asarray(image)[rows][:, columns])
    else:
        image = image.resize((width, height), Image.Resampling[framing["interpolation"].upper()])
    colour = tuple(round(255 * value) for value in info["mean"])
    canvas = Image.new(image.mode, size[::-1], colour if len(colour) > 1 else colour[0])
    canvas.paste(image, (-left, -top))
    return np.atleast_3d(np.asarray(canvas)).transpose(2, 0, 1)


def predict(path: str) -> tuple[list[tuple[str, float]], bool]:
    """Return the predicted classes with their probabilities, and whether the model declines the image."""
    found = session.run(["probabilities"] + ["declined"] * declines, {"images": frame(read(path))[None]})
    chances = found[0][0]
    order = np.argsort(-chances, kind="stable")
    if info["task"] == "single_label":
        chosen = [order[0]]
    else:
        limits = np.array(thresholds or [0.5] * len(chances), np.float32)
        chosen = [k for k in order if chances[k] >= limits[k]]
    return [(info["classes"][k], float(chances[k])) for k in chosen], declines and bool(found[1][0])


if __name__ == "__main__":
    for path in sys.argv[1:]:
        labels, declined = predict(path)
        print(path, *(f"{name} {chance:.4f}" for name, chance in labels), *["declined"] * declined, sep="\t")
