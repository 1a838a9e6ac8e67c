"""What a data set read, and what it left out and why."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from ..formatting import counted

_MOST_NAMED = 3  # files of one reason in a line; the stored account names all


@dataclass(frozen=True)
class LeftOut:
    """A file or a folder that a data set did not read.

    Attributes:
        name: Its path, relative to the folder of the data set.
        reason: Why it was left out, such as ``hidden``.
    """

    name: str
    reason: str


@dataclass(frozen=True)
class ImageCount:
    """How many images of a split were read, if an image may have several labels.

    Attributes:
        images: The number of images.
        unlabelled: How many of them have no label.
    """

    images: int
    unlabelled: int


@dataclass(frozen=True)
class DataAccount:
    """What a data set read, and what it left out.

    Attributes:
        counts: The number of images of each class, by class, by split: ``counts["train"]["cat"]``.
        left_out: Every file and folder that was not read, with the reason.
        notes: Sentences about what was guessed, replaced or ignored.
        images: The number of images by split, if an image may have several labels and is then counted in each of
            them; empty if each image has one class.
    """

    counts: Mapping[str, Mapping[str, int]]
    left_out: tuple[LeftOut, ...] = ()
    notes: tuple[str, ...] = field(default=())
    images: Mapping[str, ImageCount] = field(default_factory=dict)

    def lines(self) -> list[str]:
        """Return the account as lines of text: a total, a line for each reason to leave files out, and the notes."""
        return [self._total(), *self._unlabelled(), *self._omissions(), *self.notes]

    def to_json(self) -> dict[str, Any]:
        """Return the account as JSON values."""
        return {
            "counts": {split: dict(classes) for split, classes in self.counts.items()},
            "left_out": [{"name": one.name, "reason": one.reason} for one in self.left_out],
            "notes": list(self.notes),
            "images": {split: asdict(count) for split, count in self.images.items()},
        }

    def _total(self) -> str:
        sizes = {split: self._size(split, classes) for split, classes in self.counts.items()}
        number = len({name for classes in self.counts.values() for name in classes})
        parts = ", ".join(f"{size:,} {split}" for split, size in sizes.items())
        if self.images:
            return f"read {counted(sum(sizes.values()), 'image')} with {counted(number, 'label')}: {parts}"
        return f"read {counted(sum(sizes.values()), 'image')} of {counted(number, 'class')}: {parts}"

    def _size(self, split: str, classes: Mapping[str, int]) -> int:
        return self.images[split].images if split in self.images else sum(classes.values())

    def _unlabelled(self) -> Iterator[str]:
        without = {split: count.unlabelled for split, count in self.images.items() if count.unlabelled}
        if without:
            parts = ", ".join(f"{number:,} {split}" for split, number in without.items())
            yield f"{counted(sum(without.values()), 'image')} without a label: {parts}"

    def _omissions(self) -> Iterator[str]:
        by_reason: dict[str, list[str]] = {}
        for one in self.left_out:
            by_reason.setdefault(one.reason, []).append(one.name)
        for reason, names in by_reason.items():
            more = f" and {len(names) - _MOST_NAMED:,} more" if len(names) > _MOST_NAMED else ""
            yield f"left out {', '.join(names[:_MOST_NAMED])}{more}: {reason}"
