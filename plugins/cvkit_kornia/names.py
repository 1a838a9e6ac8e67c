"""List the 2-D augmentations of Kornia by reading its source, because importing Kornia loads torch."""

from __future__ import annotations

import ast
import importlib.util
from pathlib import Path


def names() -> list[str]:
    """Return the sorted names of Kornia's geometric and intensity classes; mixes are left out, they change labels."""
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
