"""The columns of predicted files: the same for every format of the output."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..printable import readable_name

if TYPE_CHECKING:
    from .predicting import FilePrediction  # which imports torch

Cell = str | bool | float | list[str] | list[float] | None
FILE, ERROR = "file", "error"


@dataclass(frozen=True)
class Columns:
    """What a row contains.

    Attributes:
        classes: The names of the classes.
        several: Whether the model predicts sets of labels.
        top: The number of most probable classes, for images with one class.
        every: Whether there is a column for the probability of each class.
        declines: Whether the model can decline images, so that there is a column that says so.
        sets: Whether there is a column for the prediction set.
    """

    classes: Sequence[str]
    several: bool
    top: int = 1
    every: bool = False
    declines: bool = False
    sets: bool = False

    @property
    def types(self) -> dict[str, type]:
        """The type of each column by name; that of a list is the type of its entries."""
        found: dict[str, type] = {FILE: str, "digest": str}
        if self.several:
            found |= {"labels": list[str], "probabilities": list[float]}
        else:
            for rank in range(1, min(self.top, len(self.classes)) + 1):
                found |= {_ranked("class", rank): str, _ranked("probability", rank): float}
        if self.declines:
            found |= {"declined": bool}
        if self.sets:
            found |= {"prediction_set": list[str]}
        if self.every:
            found |= {f"probability {name}": float for name in self.classes}
        return found | {ERROR: str}

    def row(self, prediction: FilePrediction) -> list[Cell]:
        """Return the cells of a file; None for what a file without a prediction lacks."""
        front: list[Cell] = [readable_name(str(prediction.path)), prediction.digest]
        chances = prediction.probabilities
        if chances is None:
            return [*front, *([None] * (len(self.types) - 3)), prediction.error]
        cells: list[Cell] = []
        if self.several:
            cells += [[self.classes[label] for label in prediction.predicted]]
            cells += [chances[list(prediction.predicted)].tolist()]
        else:
            best = chances.topk(min(self.top, len(self.classes)))
            for value, label in zip(best.values.tolist(), best.indices.tolist(), strict=True):
                cells += [self.classes[label], value]
        if self.declines:
            cells += [prediction.declined]
        if self.sets:
            cells += [[self.classes[label] for label in prediction.prediction_set]]
        if self.every:
            cells += chances.tolist()
        return [*front, *cells, prediction.error]


def _ranked(name: str, rank: int) -> str:
    return name if rank == 1 else f"{name}_{rank}"
