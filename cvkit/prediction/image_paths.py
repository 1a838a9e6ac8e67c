"""The image files that a user names: files, folders, patterns and lists of paths, found one by one."""

from __future__ import annotations

import glob
import os
from codecs import BOM_UTF8
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path

from ..data.image_formats import IMAGE_FORMATS
from ..errors import DataError, did_you_mean


@dataclass(frozen=True)
class NoPath:
    """A row of a list that does not name a file. Its text is empty, as its name is in the output.

    Attributes:
        error: Which row it is, and what is wrong.
    """

    error: str

    def __str__(self) -> str:
        return ""


Listed = Path | NoPath


@dataclass
class ImagePaths:
    """Yields image files in an order that does not change, and holds the names of one folder at a time.

    A folder is searched with its subfolders; hidden files are left out. A pattern such as ``photos/*.jpg`` is
    expanded. A file that is named is yielded even if its ending is not that of an image.

    Attributes:
        given: Files, folders and patterns.
        listed: Further paths of files, such as those of a table.
        left_out: The number of files in folders, so far, whose ending is not that of an image.
    """

    given: Sequence[str]
    listed: Iterable[Listed] = ()
    left_out: int = 0
    _visited: set[str] = field(default_factory=set)

    @property
    def count(self) -> int | None:
        """The number of files; None if it is only known at the end."""
        return len(self.given) if not self.listed and all(map(os.path.isfile, self.given)) else None

    @staticmethod
    def is_image(name: str) -> bool:
        """Return whether a file is an image by its ending."""
        return os.path.splitext(name)[1].lower() in IMAGE_FORMATS

    def require_there(self) -> None:
        """Raise `DataError` for the first name that is neither a file nor a folder, and matches nothing."""
        for name in self.given:
            if os.path.lexists(name):
                continue
            if not glob.has_magic(name):
                folder, last = os.path.split(name)
                hint = did_you_mean(last, _entries(folder or "."))
                raise DataError(f"there is no file or folder '{name}'{hint and f'. {hint}'}")
            if next(glob.iglob(name, recursive=True), None) is None:
                raise DataError(f"the pattern '{name}' matches no file")

    def __iter__(self) -> Iterator[Listed]:
        yield from self.searched()
        yield from self.listed

    def searched(self) -> Iterator[Path]:
        """Yield the files that are given, and those in folders or of patterns, but not the listed ones."""
        for name in self.given:
            if os.path.isdir(name):
                yield from self._below(name)
            elif os.path.lexists(name) or not glob.has_magic(name):
                yield Path(name)
            else:
                for found in sorted(glob.iglob(name, recursive=True)):
                    yield from self._matched(found)

    def _matched(self, path: str) -> Iterator[Path]:
        if os.path.isdir(path):
            yield from self._below(path)
        elif self.is_image(path):
            yield Path(path)
        else:
            self.left_out += 1

    def _below(self, folder: str) -> Iterator[Path]:
        """Yield the images in a folder; a folder without read permission itself, so that reading reports it."""
        closed: list[Path] = []
        for place, folders, names in os.walk(
            folder, onerror=lambda error: closed.append(Path(error.filename)), followlinks=True
        ):
            real = os.path.realpath(place)
            if real in self._visited:  # a link to a folder that was searched, maybe to one that contains it
                folders.clear()
                continue
            self._visited.add(real)
            folders[:] = sorted(name for name in folders if not name.startswith("."))
            for name in sorted(names):
                if name.startswith("."):
                    continue
                if self.is_image(name):
                    yield Path(place, name)
                else:
                    self.left_out += 1
        yield from closed


def _entries(folder: str) -> list[str]:
    try:
        return os.listdir(folder)
    except OSError:
        return []


def paths_in_lines(lines: Iterable[bytes]) -> Iterator[Path]:
    """Yield the path in each line of a list; lines without any are skipped, and so is a byte order mark."""
    for number, line in enumerate(lines):
        name = (line.removeprefix(BOM_UTF8) if number == 0 else line).rstrip(b"\r\n")
        if name.strip():
            yield Path(os.fsdecode(name))


def require_some(paths: Iterable[Listed], given: Sequence[str], lists: Sequence[str]) -> Iterator[Listed]:
    """Return the same paths; raise `DataError` if there is none.

    `given` are the folders and patterns that were searched, and `lists` describe the lists that were read.
    """
    rest = iter(paths)
    first = next(rest, None)
    if first is None:
        searched = ", ".join(f"'{name}'" for name in given)
        reasons = [f"{searched} contains no images: cvkit looks for files ending in {', '.join(IMAGE_FORMATS)}"]
        reasons = [*(reasons if given else []), *(f"{each} contains no paths" for each in lists)]
        raise DataError("; ".join(reasons))
    return chain([first], rest)
