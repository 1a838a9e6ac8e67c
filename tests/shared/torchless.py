"""Scripts in a process that has neither torch nor cvkit."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

WITHOUT_TORCH = """\
import runpy, sys
class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("torch", "torchvision", "cvkit", "onnx"):
            raise ImportError(f"{name} is refused")
sys.meta_path.insert(0, Refuse())
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""
"""Runs a script in a process that cannot import torch, cvkit or onnx."""


def without_torch(script: Path, *arguments: Path) -> list[str]:
    """Return the lines that a script prints in a process that cannot import torch, cvkit or onnx."""
    command = [sys.executable, "-c", WITHOUT_TORCH, script, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
