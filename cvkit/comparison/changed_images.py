"""The images that are predicted correctly by one group of runs and wrongly by the other."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from .groups import Group


@dataclass(frozen=True)
class ChangedImage:
    """An image whose prediction was fixed or broken.

    Attributes:
        position: Its row among the compared images, from 0.
        name: Its file, or its index in the test split.
        true: Its class, or its labels with ``|`` between them.
        first: What most runs of the first group predict.
        second: What most runs of the second group predict.
        correct: The share of correct runs of each group.
        true_probability: The mean probability of the true class in each group; for sets of labels, of what is true.
    """

    position: int
    name: str
    true: str
    first: str
    second: str
    correct: tuple[float, float]
    true_probability: tuple[float, float]


@dataclass(frozen=True)
class ChangedImages:
    """The fixed and the broken images, those with the largest change of the true class's probability first.

    Attributes:
        fixed: Images that most runs of the first group predict wrongly and most runs of the second correctly.
        broken: The opposite.
    """

    fixed: tuple[ChangedImage, ...]
    broken: tuple[ChangedImage, ...]


def changed_images(first: Group, second: Group, positions: tuple[int, ...]) -> ChangedImages:
    """Return the changed images; `positions` are the rows of the images in the first run's predictions.csv."""
    right = [torch.stack([run.table.correct.double() for run in group.runs]).mean(dim=0) for group in (first, second)]
    sure = [torch.stack([run.table.true_probability for run in group.runs]).mean(dim=0) for group in (first, second)]
    gain = sure[1] - sure[0]
    table = first.runs[0].table

    def images(chosen: Tensor, order: Tensor) -> tuple[ChangedImage, ...]:
        rows = chosen.nonzero()[:, 0]
        rows = rows[order[rows].argsort(descending=True, stable=True)]
        return tuple(
            ChangedImage(
                row,
                f"image {positions[row]}" if table.files is None else table.files[row],
                table.true[row],
                _usual(first, row),
                _usual(second, row),
                (float(right[0][row]), float(right[1][row])),
                (float(sure[0][row]), float(sure[1][row])),
            )
            for row in rows.tolist()
        )

    fixed = (right[0] <= 0.5) & (right[1] > 0.5)
    broken = (right[0] > 0.5) & (right[1] <= 0.5)
    return ChangedImages(images(fixed, gain), images(broken, -gain))


def _usual(group: Group, row: int) -> str:
    """Return what most runs predict; of equally frequent predictions, that of the first run."""
    predicted = [run.table.predicted[row] for run in group.runs]
    return max(predicted, key=predicted.count)
