"""Find the image files below a folder, and list every file that is left out with the reason."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from cvkit import IMAGE_FORMATS, LeftOut, readable_name

_OTHER_IMAGES = {
    *(".heic", ".heif", ".avif", ".jp2", ".jxl", ".psd", ".svg", ".ico", ".ppm", ".pgm", ".pbm", ".tga", ".exr"),
    *(".dng", ".cr2", ".cr3", ".nef", ".arw", ".orf", ".rw2", ".raf", ".raw", ".dcm", ".npy"),
}


@dataclass(frozen=True, slots=True)
class FoundImage:
    """An image file.

    Attributes:
        name: Its path relative to the base folder, with slashes, as the file system spells it.
        path: Where it is.
    """

    name: str
    path: Path


@dataclass
class Tree:
    """What is below a folder: image files, the relative names of folders, and what was left out."""

    images: list[FoundImage] = field(default_factory=list)
    folders: list[str] = field(default_factory=list)
    left_out: list[LeftOut] = field(default_factory=list)


def tree_of(base: Path) -> Tree:
    """Return everything below `base`, in natural order. Links to files and folders are followed."""
    tree = Tree()
    _walk(base, "", frozenset([os.path.realpath(base)]), tree)
    return tree


def natural(name: str) -> list[tuple[bool, int, str]]:
    """Return a key that sorts names as people expect: ``2`` before ``10``."""
    parts = re.split(r"([0-9]+)", name)
    return [(not part.isdecimal(), int(part) if part.isdecimal() else 0, part) for part in parts if part]


def listed(names: Iterable[str], most: int = 5) -> str:
    """Return quoted names for a message, the first `most` of them."""
    every = list(names)
    more = f" and {len(every) - most:,} more" if len(every) > most else ""
    return ", ".join(f"'{name}'" for name in every[:most]) + more


def _walk(folder: Path, name: str, ancestors: frozenset[str], tree: Tree) -> None:
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: natural(entry.name))
    except OSError as error:
        tree.left_out.append(LeftOut(readable_name(name) or ".", f"the folder cannot be opened: {error.strerror}"))
        return
    for entry in entries:
        inner = f"{name}/{entry.name}" if name else entry.name
        reason = _reason(entry)
        if not reason and entry.is_dir():
            real = os.path.realpath(entry.path)
            if real in ancestors:
                reason = "a link to a folder that contains it"
            else:
                tree.folders.append(inner)
                _walk(folder / entry.name, inner, ancestors | {real}, tree)
        elif not reason:
            tree.images.append(FoundImage(inner, folder / entry.name))
        if reason:
            tree.left_out.append(LeftOut(readable_name(inner), reason))


def _reason(entry: os.DirEntry[str]) -> str:
    """Return why a file or folder is left out; empty if it is a folder or an image to read."""
    if entry.name.startswith("."):
        return "hidden"
    try:
        mode = entry.stat().st_mode
    except OSError as error:
        return "broken link" if entry.is_symlink() else f"cannot be read: {error.strerror}"
    if stat.S_ISDIR(mode):
        return ""
    if not stat.S_ISREG(mode):
        return "not a regular file"
    ending = Path(entry.name).suffix.lower()
    if ending in IMAGE_FORMATS:
        return ""
    if not ending:
        return "the name has no ending"
    advice = "; convert them to JPEG or PNG" if ending in _OTHER_IMAGES else ""
    return f"cvkit does not read files that end in {readable_name(ending)}{advice}"
