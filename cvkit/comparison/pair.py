"""`Pair`: a group of runs compared with another."""

from __future__ import annotations

from dataclasses import dataclass

from ..engine.paired import LEVEL
from .by_class import ClassDifference
from .changed import Difference
from .changed_images import ChangedImages
from .groups import Group
from .measures import Measure, Verdict


@dataclass(frozen=True)
class Pair:
    """A group of runs compared with the first group.

    Attributes:
        first: The first group of the comparison.
        second: The other group.
        measures: The scores of both and their differences, the main score first.
        images: The images that were fixed and broken.
        classes: The scores by class.
        changed: What differs between the first runs of the groups apart from their predictions.
        n: The number of images that are compared.
        margin: The margin of equivalence as a fraction.
        comparisons: The number of pairs for which the p-values are corrected.
    """

    first: Group
    second: Group
    measures: tuple[Measure, ...]
    images: ChangedImages
    classes: tuple[ClassDifference, ...]
    changed: tuple[Difference, ...]
    n: int
    margin: float
    comparisons: int = 1

    @property
    def main(self) -> Measure:
        """The measure that the verdict is about: the accuracy, or the mean average precision of sets of labels."""
        return self.measures[0]

    @property
    def is_equivalent(self) -> bool:
        """Whether the main scores are known to differ by less than the margin."""
        p = self.main.equivalence_p_value
        return p is not None and p < LEVEL

    @property
    def verdict(self) -> Verdict:
        """What is known of the second group: ``better``, ``worse``, ``equivalent`` or ``undecided``."""
        if self.main.p_value < LEVEL and self.main.difference:
            return "better" if self.main.difference > 0 else "worse"
        return "equivalent" if self.is_equivalent else "undecided"
