"""Writes the fastest settings as a recipe that extends the measured one."""

from __future__ import annotations

import os
from datetime import date
from pathlib import Path

from ..errors import CvkitError
from ..files.safe_io import write_file
from ..recipe.document import display
from ..recipe.dump import in_one_line
from .measured import Measured


def require_free(output: Path) -> None:
    """Raise `CvkitError` if something is at `output`, or its folder does not exist."""
    if output.exists() or output.is_symlink():
        raise CvkitError(f"'{output}' already exists; choose another file for --write, or remove it")
    if not output.parent.is_dir():
        raise CvkitError(f"'{output.parent}' is not a folder; create it, or choose another file for --write")


def recipe_text(found: Measured, recipe: Path, output: Path, with_size: bool) -> str:
    """Return the text of a recipe at `output` that extends `recipe`; `with_size` includes the fastest batch size.

    It is empty if no setting is faster.
    """
    values = dict(found.changes)
    if with_size and found.best_size != found.batch_size:
        values["batch_size"] = found.best_size
    if not values:
        return ""
    target = os.path.relpath(recipe.absolute(), output.parent.absolute())
    lines = [
        f"# By `cvkit speed`, {date.today()}, on {found.device}: the fastest settings that were measured.",
        f"extends: {in_one_line(display(Path(target)))}",
        "train:",
        *(f"  {name}: {in_one_line(value)}" for name, value in values.items()),
    ]
    return "\n".join(lines) + "\n"


def write(output: Path, text: str) -> None:
    """Write the recipe; raise `CvkitError` if it cannot be written."""
    try:
        write_file(output, text.encode())
    except OSError as error:
        raise CvkitError(f"could not write '{output}': {error.strerror or error}") from error
