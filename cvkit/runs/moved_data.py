"""Open the data set of an existing run, which may have been moved since."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from ..data.places import DataNotFound, DataRoot, exists
from ..data.splits import Splits
from ..engine.building import open_located
from ..errors import CheckpointError, DataError
from ..recipe import Recipe


def open_run_data(recipe: Recipe, root: DataRoot, digest: Callable[[], str | None]) -> Splits:
    """Return the data set of a run, from the place in its recipe or from its new place.

    `digest` returns the digest of the data that the run was trained on, or None if it is unknown. Data at a new place
    is compared with it. Raises `DataError` if there is no data set, and `CheckpointError` with both places if it
    differs.
    """
    try:
        placed, splits = open_located(recipe, root)
    except DataNotFound as error:
        if root.given:
            raise
        raise DataError(
            f"the data of this run was not found at '{_missing(recipe)[0]}' or in the data folder '{root.path}'. If "
            "it was moved, name its new place with --data"
        ) from error
    except DataError as error:
        if root.given and (old := _missing(recipe)):
            raise DataError(f"{error}. It was to replace '{old[0]}', where the run read its data") from error
        raise
    moved = [(old, new) for old, new in zip(data_places(recipe), data_places(placed), strict=True) if old != new]
    if moved and (known := digest()) is not None:
        try:
            splits.require(known)
        except CheckpointError:
            places = "; ".join(f"'{new}' differs from '{old}'" for old, new in moved)
            raise CheckpointError(
                f"the data was moved and is not what this run was trained on: the content of {places}, as the run "
                "recorded it. Name the place of the original data with --data. Commands that continue a run "
                "accept other data with --accept-changes"
            ) from None
    return splits


def data_places(recipe: Recipe) -> list[Path]:
    """Return the paths of the data set in a recipe."""
    return [value for part in recipe.dataset.family() for value in part.options.values() if isinstance(value, Path)]


def _missing(recipe: Recipe) -> list[Path]:
    """Return the places of required data that do not exist."""
    required = [
        value
        for part in recipe.dataset.family()
        for name, value in part.options.items()
        if isinstance(value, Path) and part.option(name).required
    ]
    return [place for place in required if not exists(place)]
