"""Paths in a recipe: a relative path starts in the folder of the file that contains it."""

from __future__ import annotations

import os
from pathlib import Path, PurePath
from typing import Any


def anchored(value: Any, folder: Path | None) -> Any:
    """Return an option's value with every relative path in it made absolute; relative paths start in `folder`.

    If `folder` is None, paths are kept as they are. Raises `ValueError` if the home folder of a ``~`` is unknown.
    """
    match value:
        case PurePath() if folder is not None:
            return _absolute(Path(value), folder)
        case list() | tuple():
            return type(value)(anchored(item, folder) for item in value)
        case dict():
            return {key: anchored(item, folder) for key, item in value.items()}
    return value


def _absolute(path: Path, folder: Path) -> Path:
    try:
        path = path.expanduser()
    except RuntimeError:
        raise ValueError(f"the home folder in '{path}' is unknown on this machine; write the absolute path") from None
    try:
        path = (folder / path).absolute()
    except OSError:  # the current folder was deleted
        return folder / path
    if ".." not in path.parts:
        return path
    upper = Path(*path.parts[: len(path.parts) - path.parts[::-1].index("..")])  # up to the last '..'
    lower = path.relative_to(upper)
    short = Path(os.path.abspath(upper))  # another folder if '..' follows a link
    try:
        return short / lower if short.samefile(upper) else path
    except (OSError, ValueError):
        return path
