"""A data set of image files with one folder per class, read from disk when they are needed."""

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
_READABLE = sorted(set(_FORMATS.values()))  # a JPEG file named .png can still be read


@dataclass(frozen=True)
class FolderSplit:
    """Image files and their labels; ``split[i]`` is a decoded image, uint8 (3, `size`, `size`), and its label."""

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
    """Return a data set from the image files in ``train/<class>/`` and ``test/<class>/``.

    Without ``test/``, the test images are those in ``val/``. Both halves must have the same classes. Images are PNG,
    JPEG, WebP or BMP files. They are rotated according to their EXIF data, converted to RGB, resized so that the
    shorter side fits `size`, and cropped at the centre. Every file is read once to compute a digest of all names and
    bytes.

    Args:
        root: The data folder.
        path: Folder that contains ``train`` and ``test``; a relative path is inside the data folder.
        size: Height and width of the images in pixels after resizing, 1 to 8192.
        mean: Mean of each channel for the normalisation, in [0, 1]; by default that of ImageNet.
        std: Standard deviation of each channel for the normalisation, above 0; by default that of ImageNet.

    Returns:
        Training and test images, uint8 (3, `size`, `size`), with their labels.

    Raises:
        ValueError: A `mean` is not in [0, 1], or an `std` is not above 0.
        cvkit.DataError: Folders, classes or images are missing or could not be read, or the home folder in `path` is
            unknown. Decoding a damaged image later raises the same error with the name of the file.
    """
    if not all(0 <= value <= 1 for value in mean) or not all(math.isfinite(value) and value > 0 for value in std):
        raise ValueError(f"mean {mean} must be in [0, 1], and std {std} must be above 0")
    try:
        base = root / Path(path).expanduser()
    except RuntimeError:
        raise DataError(f"the home folder in '{path}' is unknown on this machine; write the absolute path") from None
    if not base.is_dir():
        seen = (
            f": the relative path '{path}' is searched for in the data folder '{root}'; write an absolute path, or "
            "set the data folder with --data"
        )
        raise DataError(f"{base} is not a folder{'' if Path(path).is_absolute() else seen}")
    train, test = base / "train", base / "test"
    if not test.is_dir() and (base / "val").is_dir():
        test = base / "val"
    classes, test_classes = _classes(train), _classes(test)
    if classes != test_classes:
        odd = sorted(set(classes) ^ set(test_classes))
        where = train if odd[0] in classes else test
        raise DataError(
            f"{base}: the class '{odd[0]}' is only in {where.name}/; {train.name}/ and {test.name}/ must have the "
            "same classes"
        )
    if len(classes) < 2:
        raise DataError(f"{train} has only the class '{classes[0]}'; classification requires at least two classes")
    halves = [_split(half, classes, size) for half in (train, test)]
    return Splits(
        train=halves[0],
        test=halves[1],
        info=DataInfo(3, size, size, classes, tuple(mean), tuple(std)),
        digest=digest_of(base, [file for half in halves for file in half.files], about=f"image_folder {size}"),
    )


def read_image(path: Path, size: int) -> Tensor:
    """Return the image at `path` as uint8 (3, `size`, `size`): upright, RGB, resized and cropped at the centre."""
    return _tensor(ImageOps.fit(_upright(path), (size, size), Image.Resampling.BICUBIC))


def read(path: Path) -> Tensor:
    """Return the image at `path` as uint8 (3, H, W): upright, RGB and in its original size."""
    return _tensor(_upright(path))


image_folder.read = read  # type: ignore[attr-defined]  # `cvkit explain` uses it to read other images


def _upright(path: Path) -> Image.Image:
    image = ImageOps.exif_transpose(decode(path, str(path), _READABLE))
    if image.mode.startswith("I"):  # 16-bit grey, which Pillow would clip to 8 bits instead of scaling
        image = Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    return image.convert("RGB")


def _tensor(image: Image.Image) -> Tensor:
    return torch.from_numpy(np.array(image)).permute(2, 0, 1).contiguous()


def _classes(half: Path) -> tuple[str, ...]:
    """Return the sorted names of the folders in `half`."""
    if not half.is_dir():
        raise DataError(f"{half} is not a folder; image_folder expects train/<class>/ and test/<class>/ (or val/)")
    classes = tuple(sorted(item.name for item in half.iterdir() if item.is_dir() and not item.name.startswith(".")))
    if not classes:
        raise DataError(f"{half} contains no folders; image_folder expects one folder for each class")
    return classes


def _split(half: Path, classes: tuple[str, ...], size: int) -> FolderSplit:
    """Return the images of `half` by class, and within each class by file name."""
    files: list[Path] = []
    labels: list[int] = []
    for label, name in enumerate(classes):
        found = sorted(
            item
            for item in (half / name).iterdir()
            if item.suffix.lower() in _FORMATS and not item.name.startswith(".") and item.is_file()
        )
        if not found:
            raise DataError(f"{half / name} contains no images ({', '.join(_FORMATS)})")
        files += found
        labels += [label] * len(found)
    return FolderSplit(tuple(files), tuple(labels), size)
