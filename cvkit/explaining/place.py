"""The folder explanations are written to: put in place whole, and never in place of anybody else's files."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ..errors import RunError

PAGE, ROWS, SCORES, OVERLAYS = "explain.html", "explanations.csv", "scores.json", "overlays"


def require_own(folder: Path) -> None:
    """Raise `RunError` unless `folder` is free, or holds nothing but earlier explanations."""
    if not os.path.lexists(folder):
        return
    kept = {item.name for item in folder.iterdir()} if folder.is_dir() and not folder.is_symlink() else {folder.name}
    if foreign := sorted(kept - {PAGE, ROWS, SCORES, OVERLAYS}):
        raise RunError(
            f"'{folder}' holds what no explanation wrote ({', '.join(foreign[:3])}), and is left as it is; choose "
            "another --output"
        )


@contextmanager
def made_anew(folder: Path) -> Iterator[Path]:
    """Yield an empty folder that takes the place of `folder` at the end; after an error there is no trace of it.

    Raises `RunError` where it cannot be written.
    """
    own, old = (folder.with_name(f".tmp-{word}-{os.getpid()}-{folder.name}") for word in ("new", "old"))
    above = [parent for parent in folder.parents if not parent.exists()]
    try:
        own.mkdir(parents=True)
        yield own
        if folder.exists():
            folder.rename(old)
        own.rename(folder)
        above = []
    except BrokenPipeError:  # of the terminal, not of a file
        raise
    except OSError as error:
        raise RunError(
            f"the explanations cannot be written to '{folder}': {error.strerror}; choose another --output"
        ) from error
    finally:
        for leftover in (own, old):
            shutil.rmtree(leftover, ignore_errors=True)
        for parent in above:
            with suppress(OSError):  # another process may have put something there meanwhile
                parent.rmdir()
