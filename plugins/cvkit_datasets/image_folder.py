"""`image_folder`: your own images, one folder a class, read from disk as they are needed."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
from PIL import Image, ImageOps
from pydantic import Field
from torch import Tensor

from cvkit import DataError, DataInfo, Splits

from .contents import digest_of
from .pictures import decode

_FORMATS = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".webp": "WEBP", ".bmp": "BMP"}
_READABLE = sorted(set(_FORMATS.values()))  # a JPEG called .png is still an image


@dataclass(frozen=True)
class FolderSplit:
    """Image files and their labels; ``split[i]`` decodes one, as uint8 (3, `size`, `size`), and its label."""

    files: tuple[Path, ...]
    labels: tuple[int, ...]
    size: int

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, index: int, /) -> tuple[Tensor, int]:
        return read_image(self.files[index], self.size), self.labels[index]


def image_folder(
    root: Path,
    *,
    path: str,
    size: Annotated[int, Field(ge=1, le=8192)] = 224,
    mean: tuple[float, float, float] = (0.485, 0.456, 0.406),
    std: tuple[float, float, float] = (0.229, 0.224, 0.225),
) -> Splits:
    """Return the images under `path`, in the folder `root` unless it is absolute, in ``train/<class>/<image>``.

    The other half is ``test/`` or, without one, ``val/``, with the same classes. Images are PNG, JPEG, WebP or BMP,
    turned as their EXIF data says, made RGB, and brought to `size` x `size`: the shorter side is resized, the longer
    cropped about the middle. `mean` and `std` are per channel in [0, 1], by default ImageNet's.
    The digest is of every image's name and bytes, so all are read once. Raises `DataError` where folders, classes or
    images are missing or cannot be read, or a home folder in `path` is not known; decoding a damaged image raises one
    that names it.
    """
    if not all(0 <= value <= 1 for value in mean) or not all(math.isfinite(value) and value > 0 for value in std):
        raise ValueError(f"mean {mean} must lie in [0, 1] and std {std} above 0")
    try:
        base = root / Path(path).expanduser()
    except RuntimeError:
        raise DataError(f"the home folder in '{path}' is not known here; give the absolute path") from None
    if not base.is_dir():
        seen = (
            f": '{path}' is looked for in the data folder '{root}'; give an absolute path, or that folder with --data"
        )
        raise DataError(f"{base} is not a folder{'' if Path(path).is_absolute() else seen}")
    train, test = base / "train", base / "test"
    if not test.is_dir() and (base / "val").is_dir():
        test = base / "val"
    classes, test_classes = _classes(train), _classes(test)
    if classes != test_classes:
        odd = sorted(set(classes) ^ set(test_classes))
        where = train if odd[0] in classes else test
        raise DataError(f"{base}: the class '{odd[0]}' is only in {where.name}/; both halves need the same classes")
    if len(classes) < 2:
        raise DataError(f"{train}: only the class '{classes[0]}' is there; telling classes apart needs two")
    halves = [_split(half, classes, size) for half in (train, test)]
    return Splits(
        train=halves[0],
        test=halves[1],
        info=DataInfo(3, size, size, classes, tuple(mean), tuple(std)),
        digest=digest_of(base, [file for half in halves for file in half.files], about=f"image_folder {size}"),
    )


def read_image(path: Path, size: int) -> Tensor:
    """Return the image at `path` as uint8 (3, `size`, `size`): upright, RGB, resized and cropped about the middle."""
    return _tensor(ImageOps.fit(_upright(path), (size, size), Image.Resampling.BICUBIC))


def read(path: Path) -> Tensor:
    """Return the image at `path` as uint8 (3, H, W): upright, RGB and of its own size."""
    return _tensor(_upright(path))


image_folder.read = read  # type: ignore[attr-defined]  # `cvkit explain` reads other images of such a run by it


def _upright(path: Path) -> Image.Image:
    image = ImageOps.exif_transpose(decode(path, str(path), _READABLE))
    if image.mode.startswith("I"):  # 16 bits of grey, which Pillow would clip to 8 instead of scaling
        image = Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    return image.convert("RGB")


def _tensor(image: Image.Image) -> Tensor:
    return torch.from_numpy(np.array(image)).permute(2, 0, 1).contiguous()


def _classes(half: Path) -> tuple[str, ...]:
    """Return the names of the folders in `half`, sorted."""
    if not half.is_dir():
        raise DataError(f"{half} is not a folder; image_folder expects train/<class>/ and test/<class>/ (or val/)")
    classes = tuple(sorted(item.name for item in half.iterdir() if item.is_dir() and not item.name.startswith(".")))
    if not classes:
        raise DataError(f"{half} has no folders in it; image_folder expects one for each class")
    return classes


def _split(half: Path, classes: tuple[str, ...], size: int) -> FolderSplit:
    """Return the images of `half`, class by class, each class sorted by file name."""
    files: list[Path] = []
    labels: list[int] = []
    for label, name in enumerate(classes):
        found = sorted(
            item
            for item in (half / name).iterdir()
            if item.suffix.lower() in _FORMATS and not item.name.startswith(".") and item.is_file()
        )
        if not found:
            raise DataError(f"{half / name} holds no images ({', '.join(_FORMATS)})")
        files += found
        labels += [label] * len(found)
    return FolderSplit(tuple(files), tuple(labels), size)
