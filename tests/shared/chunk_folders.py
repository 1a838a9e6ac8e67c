"""A data set ``pets`` of small photos as LitData and MosaicML Streaming (MDS) write it, and how a test opens it."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
import shard_sets
from chunk_sets import write_litdata, write_mds
from PIL import Image
from shard_sets import jpeg

from cvkit import Splits

RECIPE = shard_sets.RECIPE.replace(
    "{name: image_folder, path: pictures, size: 32}", "{name: litdata, path: pets, size: 8}"
)
SETS = RECIPE.replace("augmentations", "loss: bce\naugmentations")
COLUMNS = {"image": "jpeg", "label": "int"}


def opened(root: Path, *overrides: str, recipe: str = RECIPE) -> Splits:
    """Return the data set in the folder ``pets``."""
    return shard_sets.opened(root, recipe, *(f"dataset.{one}" for one in overrides))


def samples(count: int = 7, **fields) -> list[dict]:
    """Return samples of a JPEG file and a class of two, or with these functions of the number as fields."""
    makers = fields or {"image": lambda number: jpeg(number, 8 + number), "label": lambda number: number % 2}
    return [{name: make(number) for name, make in makers.items()} for number in range(count)]


def in_mds(root: Path, rows: list[dict], columns: dict[str, str] = COLUMNS) -> Path:
    """Write MDS with these training images and the first four as validation images."""
    write_mds(root / "pets/train", columns, rows)
    write_mds(root / "pets/val", columns, rows[:4])
    return root


def in_litdata(root: Path, rows: list, chunk: int = 3) -> Path:
    """Write the same with LitData, so many samples in a chunk."""
    pytest.importorskip("litdata")
    write_litdata(root / "pets/train", rows, chunk)
    write_litdata(root / "pets/val", rows[:4])
    return root


def picture(number: int, mode: str = "RGB") -> Image.Image:
    """Return a small photo of Pillow in a mode."""
    return Image.open(io.BytesIO(jpeg(number, 9 + number))).convert("RGB").convert(mode)


def png(image: Image.Image) -> bytes:
    """Return an image as a PNG file."""
    stream = io.BytesIO()
    image.save(stream, "PNG")
    return stream.getvalue()


def pixels(number: int) -> np.ndarray:
    """Return the pixels of a small photo, uint8 (H, W, C)."""
    return np.array(picture(number))
