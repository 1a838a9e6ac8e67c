"""Write the script beside an ONNX file: the code that this model needs to predict image files, and no more."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from cvkit import ModelToExport

SCRIPT = "predict.py"

_START = '''\
"""Predict image files with the model.onnx beside this script: python predict.py photo.jpg ...{remark}"""

import json
import sys
from pathlib import Path

import numpy as np
import onnxruntime
from PIL import Image, ImageOps

session = onnxruntime.InferenceSession(Path(__file__).with_name("model.onnx"), providers=["CPUExecutionProvider"])
metadata = json.loads(session.get_modelmeta().custom_metadata_map["cvkit"])
classes = metadata["info"]["classes"]
{limits}

def pixels(path):
    """Return an image upright{framed} as uint8 (1, C, H, W)."""
    image = ImageOps.exif_transpose(Image.open(path))
    if image.mode.startswith("I"):  # 16-bit grey
        image = Image.fromarray((np.asarray(image) >> {shift}).astype(np.uint8))
    if image.has_transparency_data:
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image.convert("RGBA"))
    image = image.convert("{mode}")
'''
_COVER = """\
    if image.size != ({width}, {height}):  # cover {covered_width}x{covered_height} pixels, and keep the centre
        if {height} / image.height >= {width} / image.width:
            size = max({width}, int({covered_height} * image.width / image.height)), {covered_height}
        else:
            size = {covered_width}, max({height}, int({covered_width} * image.height / image.width))
        left, top = round((size[0] - {width}) / 2), round((size[1] - {height}) / 2)
        image = {resized}.crop((left, top, left + {width}, top + {height}))
"""
_PAD = """\
    if image.size != ({width}, {height}):  # fit into it, and fill the rest with the mean colour
        ratio = min({height} / image.height, {width} / image.width)
        size = tuple(max(1, round(side * ratio)) for side in image.size)
        resized = {resized}
        image = Image.new("{mode}", ({width}, {height}), {colour})
        image.paste(resized, (({width} - size[0] + 1) // 2, ({height} - size[1] + 1) // 2))
"""
_SQUASH = """\
    if image.size != ({width}, {height}):
        size = ({width}, {height})
        image = {resized}
"""
_FRAMINGS = {"crop": _COVER, "pad": _PAD, "squash": _SQUASH}
_NEAREST = """\
def nearest(image, size):
    \"\"\"Return an image resized to its nearest pixels, as torch chooses them.\"\"\"
    columns, rows = (
        (np.arange(new, dtype=np.float32) * np.float32(old / new)).astype(int)
        for old, new in zip(image.size, size, strict=True)
    )
    return Image.fromarray(np.asarray(image)[rows][:, columns])


def pixels("""
_ARRAY = "    return np.atleast_3d(np.asarray(image)).transpose(2, 0, 1)[None]\n"
_LOOP = """

for path in sys.argv[1:] or sys.exit(__doc__):
    try:
        image = pixels(path)
    except OSError as error:
        sys.exit(f"{{path}} was not read: {{error}}")
    {outputs} = session.run([{names}], {{"images": image}})
"""
_ONE = """\
    best = chances[0].argmax()
    print(path, f"{{classes[best]}} {{chances[0, best]:.4f}}", {declined}sep="\\t")
"""
_SEVERAL = """\
    order = [k for k in np.argsort(-chances[0], kind="stable") if chances[0, k] >= limits[k]]
    print(path, *(f"{{classes[k]}} {{chances[0, k]:.4f}}" for k in order), {declined}sep="\\t")
"""
_LIMITS = 'limits = np.array(metadata["thresholds"] or [0.5] * len(classes), np.float32)\n'


def script(model: ModelToExport, *, framing_in_graph: bool) -> str:
    """Return the text of the script for a model; it frames images unless the graph does."""
    several, declines = model.info.task != "single_label", "declined" in model.serving().output_names
    names = ["probabilities", *["declined"] * declines]
    decoding: Mapping[str, Any] = model.metadata["decoding"]
    values = {
        "remark": _remark(decoding),
        "limits": _LIMITS * several,
        "framed": " and opaque" if framing_in_graph else ", opaque and framed",
        "shift": decoding["bits"] - 8,
        "mode": "L" if model.info.channels == 1 else "RGB",
        "outputs": "chances, declined" if declines else "(chances,)",
        "names": ", ".join(f'"{name}"' for name in names),
        "declined": '*["declined"] * bool(declined[0]), ' * declines,
    }
    start = _START.format(**values)
    if (most := decoding["max_megapixels"]) is not None:
        start = start.replace("\nsession =", f"\nImage.MAX_IMAGE_PIXELS = {most * 1_000_000:_}\nsession =")
    framing = "" if framing_in_graph else _framing(model, values["mode"])
    if "nearest(" in framing:
        start = start.replace("def pixels(", _NEAREST)
    return start + framing + _ARRAY + (_LOOP + (_SEVERAL if several else _ONE)).format(**values)


def _framing(model: ModelToExport, mode: str) -> str:
    """Return the lines that bring an image to the size of the model, as `cvkit.Framing` describes."""
    info, framing = model.info, model.metadata["info"]["framing"]
    interpolation, kept = framing["interpolation"] or "bilinear", framing["crop_pct"] or 1.0
    colour = tuple(round(255 * value) for value in info.mean)
    return _FRAMINGS[framing["mode"]].format(
        width=info.width,
        height=info.height,
        covered_width=math.floor(info.width / kept),
        covered_height=math.floor(info.height / kept),
        mode=mode,
        colour=colour if len(colour) > 1 else colour[0],
        resized=(
            "nearest(image, size)"
            if interpolation == "nearest"
            else f"image.resize(size, Image.Resampling.{interpolation.upper()})"
        ),
    )


def _remark(decoding: Mapping[str, Any]) -> str:
    if not decoding["reader"]:
        return ""
    return (
        f"\n\nThe data set of the run, {decoding['reader']}, reads files in its own way, which this script cannot.\n"
    )
