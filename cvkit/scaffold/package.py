"""Writes the folder of a new package completely or not at all."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from ..errors import CvkitError


def write(files: dict[str, str], folder: Path) -> None:
    """Write `files` to a new `folder`, which is created completely or not at all.

    Raises `CvkitError` if the folder already exists or cannot be written.
    """
    if folder.exists():
        raise CvkitError(f"'{folder}' already exists; choose another name, or another folder with --output")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}-") as temporary:
            whole = Path(temporary, folder.name)
            for path, text in files.items():
                (whole / path).parent.mkdir(parents=True, exist_ok=True)
                (whole / path).write_text(text, encoding="utf-8", newline="\n")
            whole.rename(folder)
    except OSError as error:
        raise CvkitError(f"could not write '{folder}': {error.strerror or error}") from error
