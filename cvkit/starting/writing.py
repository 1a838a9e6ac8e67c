"""Write the first recipe for some photos."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

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
    place: Path, model: str, weights: Path | None, scratch: bool, size: int, catalog: Catalog, data: Path
) -> Started:
    """Look at the photos at `place` and return a recipe for them, which was checked.

    Args:
        place: A folder or a table.
        model: The name of the network.
        weights: A file with pretrained weights.
        scratch: Whether the network starts from random weights.
        size: Height and width of the network's input in pixels.
        catalog: The installed components.
        data: The data folder.

    Raises:
        CvkitError: The photos, the network or the weights cannot be used.
    """
    pretrained = pretrained_of(model, weights, scratch, catalog)
    photos = look(place, size, catalog, data)
    choices = choose(photos, model, pretrained)
    text = recipe_text(photos, choices)
    recipe = resolve(read_text(text), catalog)
    return Started(text, tuple(about(photos, choices)), missing_weights(recipe, photos.splits.info))


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
