"""List the models and transforms of torchvision by reading its source, because importing it loads torch."""

from __future__ import annotations

import ast
import importlib.util
import re
from pathlib import Path

_REGISTERED = re.compile(r"\n@register_model\(\)\n(?:@.*\n)*def (\w+)\(")  # fixed text first: fast
_HOMES = {"_augment", "_auto_augment", "_color", "_geometry", "_misc"}  # the others convert, compose or need videos
_NOT_AUGMENTATIONS = {
    *("CutMix", "MixUp"),  # they mix the images of a batch and their labels
    *("RandomIoUCrop", "SanitizeBoundingBoxes", "SanitizeKeyPoints"),  # they require boxes or key points
    *("FiveCrop", "RandomResize", "RandomShortestSize", "RandomZoomOut", "ScaleJitter", "TenCrop"),  # another size
    *("CenterCrop", "Grayscale", "Identity", "Pad", "Resize", "RGB"),  # they are not random
    *("ConvertImageDtype", "Normalize", "ToDtype"),  # cvkit does that after the augmentations
    *("Lambda", "LinearTransformation"),  # a recipe cannot contain code or matrices
}


def models() -> list[str]:
    """Return the sorted names of torchvision's classification models."""
    return sorted(
        name
        for file in _package().glob("models/*.py")  # models for detection, segmentation and others are in subfolders
        for name in _REGISTERED.findall(file.read_text(encoding="utf-8"))
    )


def transforms() -> list[str]:
    """Return the sorted classes of ``torchvision.transforms.v2`` that augment one image and keep its shape."""
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
