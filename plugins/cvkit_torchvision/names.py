"""The names of torchvision's models and transforms, read from its source: importing it would load torch."""

from __future__ import annotations

import ast
import importlib.util
import re
from pathlib import Path

_REGISTERED = re.compile(r"^@register_model\(\)\n(?:@.*\n)*def (\w+)\(", re.MULTILINE)
_HOMES = {"_augment", "_auto_augment", "_color", "_geometry", "_misc"}  # the others convert, compose or know videos
_NOT_AUGMENTATIONS = {
    *("CutMix", "MixUp"),  # they mix images of a batch, and labels
    *("RandomIoUCrop", "SanitizeBoundingBoxes", "SanitizeKeyPoints"),  # they need boxes or key points
    *("FiveCrop", "RandomResize", "RandomShortestSize", "RandomZoomOut", "ScaleJitter", "TenCrop"),  # another size
    *("CenterCrop", "Grayscale", "Identity", "Pad", "Resize", "RGB"),  # nothing about them is random
    *("ConvertImageDtype", "Normalize", "ToDtype"),  # cvkit does that after augmenting
    *("Lambda", "LinearTransformation"),  # a recipe can hold neither code nor matrices
}


def models() -> list[str]:
    """Return the names of torchvision's classification models, sorted."""
    return sorted(
        name
        for file in _package().glob("models/*.py")  # detection, segmentation and the rest have folders of their own
        for name in _REGISTERED.findall(file.read_text(encoding="utf-8"))
    )


def transforms() -> list[str]:
    """Return the classes of ``torchvision.transforms.v2`` that augment one image and keep its shape, sorted."""
    tree = ast.parse((_package() / "transforms" / "v2" / "__init__.py").read_bytes())
    return sorted(
        alias.name
        for node in tree.body
        if isinstance(node, ast.ImportFrom) and node.level == 1 and node.module in _HOMES
        for alias in node.names
        if alias.name not in _NOT_AUGMENTATIONS
    )


def _package() -> Path:
    spec = importlib.util.find_spec("torchvision")
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError("torchvision is not installed")
    return Path(spec.origin).parent
