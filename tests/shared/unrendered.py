"""Figures that are painted and not turned into pixels and outlines, which takes most of a small run's time."""

from __future__ import annotations

import io
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
