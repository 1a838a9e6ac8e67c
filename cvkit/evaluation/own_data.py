"""`OwnData`: the data set of a run, and the images that measured it if the data set is damaged or has changed."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from ..data.digests import file_digest
from ..data.label_forms import SEPARATOR
from ..data.splits import DataInfo, Half, Splits
from ..errors import CheckpointError, CvkitError, DataError, first_line
from ..figures.csv_export import cell_of
from ..printable import named_in
from ..recipe import Recipe
from ..runs.folder import RunFolder
from ..runs.run_data import Warn, open_data_of, places_of
from ..tasks import SINGLE_LABEL
from .given_images import GivenImages


@dataclass(frozen=True)
class OwnData:
    """The data set of a run.

    Attributes:
        folder: The run folder.
        recipe: The recipe of the run.
        place: The new place of the data set; None for its old place.
        digest: The digest of the data that the run was trained on; None if it is unknown.
        warn: Gets lines about the place of the data set.
    """

    folder: RunFolder
    recipe: Recipe
    place: Path | None
    digest: str | None
    warn: Warn

    @cached_property
    def splits(self) -> Splits:
        """The data set, opened once; raises `DataError` or `CheckpointError` if it is damaged or has changed."""
        return open_data_of(self.folder, self.recipe, self.place, self.digest, self.warn)

    def measured(self, split: str | None, info: DataInfo, error: DataError | CheckpointError) -> GivenImages:
        """Return the files that predictions.csv of the run lists, with the digests that they had.

        So a damaged image does not prevent the evaluation of the others, and a changed one cannot be mistaken for
        the original. `split` is what the user asked for; None for the images that measured the run. `error` says why
        the data set cannot be used. It is raised again if predictions.csv lists other images or no digests, or if
        the data set contains none of them.
        """
        with suppress(CvkitError, KeyError, ValueError):
            rows = self.folder.read_predictions(_rows)
            names = [cell_of(row["file"]) for row in rows]
            half = (self.folder.intact("data.csv", _halves) or {})[names[0]]
            if split in (None, half):
                labels = tuple(_labels(row["true"], info) for row in rows)
                digests = tuple(row["digest"] for row in rows)
                note = (
                    f"the data set of the run is damaged or was changed ({first_line(error)}); used are the images "
                    "of its predictions.csv whose bytes are still the same"
                )
                for files in self._files(names):
                    if any(file_digest(file) == digest for file, digest in zip(files, digests, strict=True)):
                        return GivenImages(files, tuple(names), labels, (note,), digests, half)
        raise error

    def _files(self, names: list[str]) -> Iterator[tuple[Path, ...]]:
        """Yield the files of these names below each place of the data set, or beside it if it is a table."""
        for place in places_of(self.folder, self.recipe, self.place):
            base = place if place.is_dir() else place.parent
            yield tuple(base / name for name in names)


def _rows(content: bytes) -> list[dict[str, str]]:
    """Return the rows of predictions.csv; raise `ValueError` if they do not name files, digests and classes."""
    rows = [*csv.DictReader(io.StringIO(content.decode(), newline=""), restval="")]
    if not rows or not all(row.get("file") and row.get("digest") and "true" in row for row in rows):
        raise ValueError("it does not contain the file and the digest of each image")
    return rows


def _halves(content: bytes) -> dict[str, Half]:
    """Return which half each file of data.csv belongs to, without training images."""
    halves: dict[str, Half] = {"test": "test", "validation": "validation"}
    rows = csv.DictReader(io.StringIO(content.decode(), newline=""), restval="")
    found = {cell_of(row.get("file", "")): row.get("split", "") for row in rows}
    return {name: halves[split] for name, split in found.items() if split in halves}


def _labels(cell: str, info: DataInfo) -> tuple[int, ...]:
    """Return the classes in a cell; raise `ValueError` for a class that the model does not have."""
    text = cell_of(cell)
    numbers = []
    for name in [text] if info.task == SINGLE_LABEL.name else filter(None, text.split(SEPARATOR)):
        number = named_in(name, info.classes)
        if number is None:
            raise ValueError(f"the model has no class '{name}'")
        numbers.append(number)
    return tuple(numbers)
