"""Pairs of duplicate images within and across splits: exact ones by digest, near ones by `near_pairs`."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch

from .near import FINE, near_pairs
from .reading import SplitFacts, SplitName


@dataclass(frozen=True)
class Place:
    """One image: its split, its position there, its name and its classes."""

    split: SplitName
    index: int
    name: str
    labels: tuple[int, ...]


@dataclass(frozen=True)
class Pair:
    """Two images that are duplicates. `first` is in the same split as `second`, or in an earlier one.

    Attributes:
        first: One image.
        second: The other image.
        similarity: Their correlation, in [0, 1]; 1 for equal pixels.
        exact: Whether all pixels are equal.
        mirrored: Whether one of them is the mirror image of the other.
    """

    first: Place
    second: Place
    similarity: float
    exact: bool
    mirrored: bool = False

    @property
    def across(self) -> bool:
        """Whether the images are in different splits."""
        return self.first.split != self.second.split

    @property
    def conflict(self) -> bool:
        """Whether the images have different labels."""
        return self.first.labels != self.second.labels


def duplicates(splits: Sequence[SplitFacts], threshold: float = FINE) -> tuple[tuple[Pair, ...], bool]:
    """Return the pairs, those across splits first and then the most similar first, and whether some were skipped.

    Of a group of equal images, the first is paired with each other one. Near duplicates are searched for among one
    image of each group; each image of one group is then paired with the first of the other. So every image that has a
    duplicate is in a pair, and every test image that has one in training is in a pair with a training image.
    """
    groups = _equal_images(splits)
    pairs = [
        Pair(_place(splits, members[0]), _place(splits, other), 1.0, True)
        for members in groups
        for other in members[1:]
    ]
    chosen = [splits[split].small[index] for (split, index), *_ in groups]
    near = near_pairs(torch.stack(chosen), threshold) if len(chosen) > 1 else None
    if near is not None:
        for (one, other), similarity, mirrored in zip(
            near.pairs.tolist(), near.similarity.tolist(), near.mirrored.tolist(), strict=True
        ):
            for first, second in _across_groups(groups[one], groups[other]):
                earlier, later = sorted((first, second))
                ends = _place(splits, earlier), _place(splits, later)
                pairs.append(Pair(*ends, min(similarity, 1.0), False, mirrored))
    pairs.sort(key=lambda pair: (not pair.across, -pair.similarity))
    return tuple(pairs), near is not None and near.skipped


def images_in(pairs: Sequence[Pair], split: SplitName, other: SplitName) -> tuple[int, ...]:
    """Return the positions of images of `split` that have a duplicate in `other`, in order."""
    ends = [end for pair in pairs for end in ((pair.first, pair.second), (pair.second, pair.first))]
    return tuple(sorted({here.index for here, there in ends if (here.split, there.split) == (split, other)}))


Key = tuple[int, int]


def _equal_images(splits: Sequence[SplitFacts]) -> list[list[Key]]:
    """Return groups of (split, index) with equal digests, in the order of the splits; most have one image."""
    groups = defaultdict(list)
    for number, facts in enumerate(splits):
        for index, digest in enumerate(facts.digests):
            if digest:
                groups[digest].append((number, index))
    return [*groups.values()]


def _across_groups(one: list[Key], other: list[Key]) -> Iterator[tuple[Key, Key]]:
    yield from ((one[0], second) for second in other)
    yield from ((first, other[0]) for first in one[1:])


def _place(splits: Sequence[SplitFacts], key: Key) -> Place:
    facts, index = splits[key[0]], key[1]
    return Place(facts.name, index, facts.names[index], facts.labels[index])
