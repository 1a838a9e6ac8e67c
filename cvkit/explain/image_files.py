"""Find image files in folders."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..data.image_formats import IMAGE_FORMATS
from ..errors import DataError
from ..printable import named_in


@dataclass(frozen=True)
class ImageFile:
    """A file that may contain an image, and the label of the class that its folder is named after, if any."""

    path: Path
    label: int | None


def find_images(given: Iterable[Path], classes: Sequence[str], leave_out: Path) -> list[ImageFile]:
    """Return the given files and the images in the given folders, each once, sorted by path within a folder.

    Folders are searched recursively, except for hidden files and the folder `leave_out`. The class of a file is the
    name of its nearest parent folder that is a class name, up to the given folder. A folder without read permission
    is returned itself, so that reading it reports the error. Raises `DataError` if a path does not exist or if there
    are no images.
    """
    given = tuple(given)
    found: dict[Path, ImageFile] = {}
    for path in given:
        if not _is_there(path):
            raise DataError(f"cannot explain '{path}': there is no such file or folder")
        top = (path if path.is_dir() else path.parent).resolve()
        for file in _below(path, leave_out.resolve()) if path.is_dir() else [path]:
            found.setdefault(_resolved(file), ImageFile(file, _label(file.parent.resolve(), top, classes)))
    if not found:
        where = ", ".join(f"'{path}'" for path in given)
        raise DataError(f"{where} contains no images: cvkit looks for files ending in {', '.join(IMAGE_FORMATS)}")
    return [*found.values()]


def _below(folder: Path, leave_out: Path) -> Iterator[Path]:
    closed: list[Path] = []
    for place, folders, names in os.walk(folder, onerror=lambda error: closed.append(Path(error.filename))):
        here = Path(place)
        folders[:] = sorted(
            name for name in folders if not name.startswith(".") and (here / name).resolve() != leave_out
        )
        yield from (
            here / name for name in sorted(names) if Path(name).suffix.lower() in IMAGE_FORMATS and name[0] != "."
        )
    yield from closed


def _is_there(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:  # for example, the name is too long
        return False


def _resolved(file: Path) -> Path:
    try:
        return file.resolve()
    except (OSError, RuntimeError):  # a link to itself; reading it reports the error
        return file.absolute()


def _label(folder: Path, top: Path, classes: Sequence[str]) -> int | None:
    for place in (folder, *folder.parents):
        if (found := named_in(place.name, classes)) is not None:
            return found
        if place == top:
            break
    return None
