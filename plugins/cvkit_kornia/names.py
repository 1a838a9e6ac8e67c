"""The names of Kornia's 2-D augmentations, read from its source: importing Kornia would load torch."""

from __future__ import annotations

import ast
import importlib.util
from pathlib import Path


def names() -> list[str]:
    """Return the geometric and intensity classes Kornia exports, sorted; mixes change labels and are left out."""
    package = importlib.util.find_spec("kornia")
    if package is None or package.origin is None:
        return []
    folder = Path(package.origin).parent / "augmentation" / "_2d"
    return sorted(
        alias.name
        for group in ("geometric", "intensity")
        for node in ast.parse((folder / group / "__init__.py").read_bytes()).body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    )
