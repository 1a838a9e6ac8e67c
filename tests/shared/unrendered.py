"""Figures that are painted and not turned into pixels and outlines, which takes most of a small run's time.

``python unrendered.py MODULE ARGUMENT ...`` is ``python -m MODULE ARGUMENT ...`` with figures unrendered.
"""

from __future__ import annotations

import io
import os
import runpy
import sys
from contextlib import AbstractContextManager
from typing import IO
from unittest.mock import patch

from matplotlib.figure import Figure
from PIL import Image


def _nothing() -> bytes:
    pixels = io.BytesIO()
    Image.new("RGB", (1, 1)).save(pixels, "png")
    return pixels.getvalue()


DRAWN = {"svg": '<svg xmlns="http://www.w3.org/2000/svg"/>', "png": _nothing()}


def savefig(figure: Figure, file: IO[str | bytes], *, format: str, **options: object) -> None:
    """Write an empty picture of that format."""
    file.write(DRAWN[format])


def figures() -> AbstractContextManager[object]:
    """Return a context within which no figure is rendered."""
    return patch.object(Figure, "savefig", savefig)


if __name__ == "__main__":
    sys.argv.pop(0)
    sys.path[0] = os.getcwd()  # as `python -m` has it
    with figures():
        runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
