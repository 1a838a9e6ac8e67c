"""The scores of two groups of runs by class or label."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from .groups import Group
from .label_set_scores import by_label


@dataclass(frozen=True)
class ClassDifference:
    """The scores of one class: accuracies, or average precisions of a label.

    Attributes:
        name: The class or the label.
        images: The number of images with it.
        first: The score of the first group, the mean over its runs.
        second: The score of the second group.
        fixed: The images of the class that were fixed; None for labels.
        broken: The images of the class that were broken; None for labels.
    """

    name: str
    images: int
    first: float
    second: float
    fixed: int | None = None
    broken: int | None = None

    @property
    def difference(self) -> float:
        """The second score minus the first."""
        return self.second - self.first


def by_class(first: Group, second: Group) -> tuple[ClassDifference, ...]:
    """Return the scores of each class that some image has, those with the largest loss first."""
    found = _labels(first, second) if first.runs[0].table.several else _classes(first, second)
    return tuple(sorted(found, key=lambda each: each.difference))


def _classes(first: Group, second: Group) -> list[ClassDifference]:
    true = first.runs[0].table.true
    names = {name: number for number, name in enumerate(dict.fromkeys(true))}
    classes = torch.tensor([names[name] for name in true])
    one, other = (
        torch.stack([run.table.correct.double() for run in group.runs]).mean(dim=0) for group in (first, second)
    )
    found = []
    for name, number in names.items():
        of_class = classes == number
        before, after = one[of_class], other[of_class]
        fixed = int(((before <= 0.5) & (after > 0.5)).sum())
        broken = int(((before > 0.5) & (after <= 0.5)).sum())
        found.append(ClassDifference(name, len(before), float(before.mean()), float(after.mean()), fixed, broken))
    return found


def _labels(first: Group, second: Group) -> list[ClassDifference]:
    table = first.runs[0].table
    images = table.flags(table.true).sum(dim=1).tolist()
    one, other = (
        torch.stack([by_label(run.table) for run in group.runs]).mean(dim=0).tolist() for group in (first, second)
    )
    rows = zip(table.labels, images, one, other, strict=True)
    return [ClassDifference(name, count, before, after) for name, count, before, after in rows if count]
