"""List the models of timm by reading its source, because importing timm takes seconds and loads torch."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

_REGISTERED = re.compile(r"\n@register_model\b.*\n(?:@.*\n)*def (\w+)\(")  # fixed text first: fast


def names() -> list[str]:
    """Return the sorted names of timm's models, without deprecated aliases, like ``timm.list_models()``."""
    package = importlib.util.find_spec("timm")
    if package is None or package.origin is None:
        return []
    files = (Path(package.origin).parent / "models").rglob("*.py")
    return sorted({name for file in files for name in _REGISTERED.findall(file.read_text(encoding="utf-8"))})
