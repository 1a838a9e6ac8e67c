"""The example pictures of a concept: found in a folder, and read as model inputs."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

import torch
from torch import Tensor

from cvkit import IMAGE_FORMATS, DataError, DataInfo, permutation, read_input

FEWEST = 5
"""The smallest number of pictures of a concept: one for each fold of the cross-validation."""

_NAMED = 5  # pictures that an error names


def concept_pictures(folder: Path, info: DataInfo, most: int, seed: int) -> tuple[Tensor, int]:
    """Return the pictures in a folder as model inputs, float32 (n, C, H, W), in random order, and their number.

    If the folder has more than `most` pictures, a random sample of `most` is read. Subfolders are searched, hidden
    files are not read. Raises `DataError` if the folder is missing or has fewer than `FEWEST` pictures, or if a
    picture cannot be read.
    """
    files = find_pictures(folder)
    order = permutation(len(files), "pictures of a concept", seed)[:most].tolist()
    read, unread = [], []
    for number in order:
        try:
            read.append(read_input(files[number], info))
        except DataError as error:
            unread.append(str(error))
    if unread:
        raise DataError(
            f"{len(unread)} of {len(order)} pictures of the concept in '{folder}' cannot be used; replace or remove "
            f"them: {_short(unread)}"
        )
    return torch.stack(read), len(files)


def find_pictures(folder: Path) -> list[Path]:
    """Return the image files in a folder and its subfolders, sorted; raise `DataError` if there are too few."""
    if not folder.is_dir():
        missing = "is not a folder" if folder.exists() else "does not exist"
        raise DataError(
            f"the folder of the concept, '{folder}', {missing}; a relative path starts in the folder of the recipe, "
            "or after --set and --method in the current folder"
        )
    files = []
    for place, folders, names in os.walk(folder, onerror=_refuse):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        files += [Path(place, name) for name in sorted(names) if _is_picture(name)]
    if len(files) < FEWEST:
        found = "no pictures" if not files else f"only {_short([file.name for file in files])}"
        raise DataError(
            f"the folder of the concept, '{folder}', contains {found}; a concept needs at least {FEWEST} pictures, "
            f"and 30 or more are better. Pictures are files ending in {', '.join(IMAGE_FORMATS)}"
        )
    return files


def _is_picture(name: str) -> bool:
    return Path(name).suffix.lower() in IMAGE_FORMATS and not name.startswith(".")


def _refuse(error: OSError) -> NoReturn:
    raise DataError(
        f"the folder '{error.filename}' cannot be read: {error.strerror}; check its permissions"
    ) from error


def _short(lines: Sequence[str]) -> str:
    return "; ".join(lines[:_NAMED]) + f"; and {len(lines) - _NAMED} more" * (len(lines) > _NAMED)
