"""`audit` checks the images and labels of a data set without training; its result is an `Audit`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

from torch import Tensor

from ..data.account import LeftOut
from ..data.label_forms import joined
from ..data.splits import Splits
from ..phases import phase
from ..tasks import SINGLE_LABEL
from .duplicates import Pair, duplicates, images_in
from .near import FINE
from .reading import SplitFacts, SplitName, read_splits

FEW = 20
"""A class with fewer training images is reported."""

RATIO = 10
"""An imbalance of the training classes is reported from this ratio of the largest class to the smallest."""


@dataclass(frozen=True)
class Audit:
    """What was found in a data set.

    Attributes:
        splits: What was read of each split, training first.
        pairs: Duplicates, those across splits first and then the most similar first.
        classes: Names of the classes.
        unread: Damaged files that the data set left out.
        skipped: Whether the search for near duplicates reached its limit, so that weaker pairs were not compared.
        stops: Whether a run of the recipe stops because of the files in `unread`.
        crops: Whether the framing of the recipe crops the images.
        task: The task of the data set.
    """

    splits: tuple[SplitFacts, ...]
    pairs: tuple[Pair, ...]
    classes: tuple[str, ...]
    skipped: bool
    unread: tuple[LeftOut, ...] = ()
    stops: bool = False
    crops: bool = False
    task: str = SINGLE_LABEL.name

    @property
    def damaged(self) -> tuple[str, ...]:
        """The names of all damaged images, those that the data set left out last."""
        read = [facts.names[index] for facts in self.splits for index in facts.damaged]
        return (*read, *(one.name for one in self.unread))

    @cached_property
    def counts(self) -> dict[SplitName, Tensor]:
        """The readable images of each class, int64 (K,), by split."""
        return {facts.name: facts.counts(len(self.classes)) for facts in self.splits}

    @property
    def across(self) -> tuple[Pair, ...]:
        """The pairs whose images are in different splits."""
        return tuple(pair for pair in self.pairs if pair.across)

    @property
    def conflicts(self) -> tuple[Pair, ...]:
        """The pairs whose images have different labels, equal images first."""
        return tuple(sorted((pair for pair in self.pairs if pair.conflict), key=lambda pair: -pair.similarity))

    def labels(self, split: SplitName) -> tuple[str, ...]:
        """Return the classes of each image of a split; empty for a damaged image, whose label is unknown.

        Args:
            split: Which split.
        """
        (facts,) = (facts for facts in self.splits if facts.name == split)
        return tuple(map(self.named, facts.labels))

    def named(self, labels: Sequence[int]) -> str:
        """Return the names of an image's classes, with ``|`` between them.

        Args:
            labels: The numbers of the classes.
        """
        return joined(labels, self.classes)

    def leaked(self, split: SplitName) -> tuple[int, ...]:
        """Return the positions of images of a split that have a duplicate among the training images.

        Args:
            split: ``test`` or ``validation``.
        """
        return images_in(self.pairs, split, "training")


def audit(
    splits: Splits, threshold: float = FINE, advance: Callable[[int], None] = lambda _: None, *, stops: bool = False
) -> Audit:
    """Read every image of a data set once, and return what was found.

    Args:
        splits: The data set.
        threshold: The correlation from which two images are near duplicates, in (0, 1].
        advance: Is called with the number of images that were read since the last call.
        stops: Whether a run stops because of damaged files that the data set left out here.

    Returns:
        Damaged images, duplicates, sizes and class counts.
    """
    read = read_splits(splits, advance)
    with phase("comparing the images"):
        pairs, skipped = duplicates(read, threshold)
    left_out = () if splits.account is None else splits.account.left_out
    unread = tuple(one for one in left_out if one.reason.startswith("damaged"))
    framing = splits.info.framing
    crops = framing is not None and framing.mode == "crop"
    return Audit(read, pairs, splits.info.classes, skipped, unread, stops, crops, splits.info.task)
