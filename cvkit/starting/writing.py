"""Write the first recipe for some photos."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ..errors import CvkitError
from ..files.safe_io import write_file
from ..host.catalog import Catalog
from ..recipe import read_text, resolve
from .choices import choose
from .first_recipe import recipe_text
from .photos import look
from .sentences import about
from .weights import missing_weights, pretrained_of


@dataclass(frozen=True)
class Started:
    """A first recipe.

    Attributes:
        text: The recipe.
        sentences: What was found and decided.
        lacking: Why the pretrained weights cannot be loaded; empty if they can.
    """

    text: str
    sentences: tuple[str, ...]
    lacking: str


def start(
    place: Path,
    model: str,
    weights: Path | None,
    scratch: bool,
    reading: Mapping[str, Any],
    catalog: Catalog,
    data: Path,
    output: Path,
) -> Started:
    """Look at the photos at `place` and return a recipe for them, which was checked.

    Args:
        place: A folder or a table. If it does not exist, it is searched for in the data folder.
        model: The name of the network.
        weights: A file with pretrained weights.
        scratch: Whether the network starts from random weights.
        reading: Options of the data set that the user chose, such as `size`.
        catalog: The installed components.
        data: The data folder.
        output: Where the recipe will be written. Relative paths in the recipe start in its folder.

    Raises:
        CvkitError: The photos, the network or the weights cannot be used.
    """
    place = found(place, data)
    weights = None if weights is None else _seen_from(output, weights)
    pretrained = pretrained_of(model, weights, scratch, catalog)
    photos = look(place, reading, catalog, data)
    choices = choose(photos, model, pretrained)
    seen = replace(photos, options={**photos.options, "path": str(_seen_from(output, place))})
    text = recipe_text(seen, choices)
    recipe = resolve(read_text(text, file=str(output)), catalog)
    return Started(text, tuple(about(photos, choices)), missing_weights(recipe, photos.splits.info))


def found(place: Path, data: Path) -> Path:
    """Return where the photos are: at `place`, or in the data folder if only that exists."""
    if not place.is_absolute() and not place.exists() and (data / place).exists():
        return (data / place).absolute()
    return place


def _seen_from(output: Path, place: Path) -> Path:
    """Return a path that the user wrote, as the recipe at `output` contains it."""
    return place if place.is_absolute() else Path(os.path.relpath(place, output.parent))


def require_free(output: Path) -> None:
    """Raise `CvkitError` if something is at `output`, or its folder does not exist."""
    if output.exists() or output.is_symlink():
        raise CvkitError(f"'{output}' already exists; choose another file with --output, or remove it")
    if not output.parent.is_dir():
        raise CvkitError(f"'{output.parent}' is not a folder; create it, or choose another file with --output")


def write(output: Path, text: str) -> None:
    """Write the recipe; raise `CvkitError` if it cannot be written."""
    try:
        write_file(output, text.encode())
    except OSError as error:
        raise CvkitError(f"could not write '{output}': {error.strerror or error}") from error
