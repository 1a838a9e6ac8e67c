"""Image files, found in folders."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..errors import DataError

FORMATS = {
    ".png": "PNG",
    ".jpg": "JPEG",
    ".jpeg": "JPEG",
    ".webp": "WEBP",
    ".bmp": "BMP",
    ".gif": "GIF",
    ".tif": "TIFF",
    ".tiff": "TIFF",
}
"""The endings of the files looked for in folders, and Pillow's names of what they hold."""


@dataclass(frozen=True)
class ImageFile:
    """A file that may hold an image, and the label of the class whose name its folder bears, if any."""

    path: Path
    label: int | None


def find_images(given: Iterable[Path], classes: Sequence[str], leave_out: Path) -> list[ImageFile]:
    """Return the files given and the images in the folders given, each once, those of a folder sorted by path.

    Folders are searched with all below them, but for hidden files and the folder `leave_out`. A file belongs to the
    class that the nearest folder above it is named after, looked for up to the folder given. A folder that may not be
    looked into is returned itself, to be named when it is read. Raises `DataError` for a path where there is nothing,
    or where there is no image at all.
    """
    given = tuple(given)
    found: dict[Path, ImageFile] = {}
    for path in given:
        if not _is_there(path):
            raise DataError(f"there is no file or folder '{path}' to explain")
        top = (path if path.is_dir() else path.parent).resolve()
        for file in _below(path, leave_out.resolve()) if path.is_dir() else [path]:
            found.setdefault(_resolved(file), ImageFile(file, _label(file.parent.resolve(), top, classes)))
    if not found:
        where = ", ".join(f"'{path}'" for path in given)
        raise DataError(f"there are no images in {where}: looked for files ending in {', '.join(FORMATS)}")
    return [*found.values()]


def _below(folder: Path, leave_out: Path) -> Iterator[Path]:
    closed: list[Path] = []
    for place, folders, names in os.walk(folder, onerror=lambda error: closed.append(Path(error.filename))):
        here = Path(place)
        folders[:] = sorted(
            name for name in folders if not name.startswith(".") and (here / name).resolve() != leave_out
        )
        yield from (here / name for name in sorted(names) if Path(name).suffix.lower() in FORMATS and name[0] != ".")
    yield from closed


def _is_there(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:  # a name that is too long, for example
        return False


def _resolved(file: Path) -> Path:
    try:
        return file.resolve()
    except (OSError, RuntimeError):  # a link to itself, which is named when it is read
        return file.absolute()


def _label(folder: Path, top: Path, classes: Sequence[str]) -> int | None:
    for place in (folder, *folder.parents):
        if place.name in classes:
            return classes.index(place.name)
        if place == top:
            break
    return None
