"""A labelled image file, before and after it is assigned to a split."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

SplitName = Literal["train", "validation", "test"]

SPLIT_NAMES: dict[str, SplitName] = {
    "train": "train",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
    "test": "test",
}
"""The names of splits in folders and tables, and what they mean."""


@dataclass(frozen=True, slots=True)
class Sample:
    """A labelled image file.

    Attributes:
        name: Its path relative to the base folder, as readable text; it also decides the split.
        path: Where it is.
        label: The name of its class; the names of its labels as text, if it has a set of labels.
        split: The split that the folder or the table gives it, later the assigned one; None if there is none.
        group: Images of one group are assigned to the same split; empty if every image is a group of its own.
        weight: How often the sampler `weighted` uses it relative to others; None if the table has no weights.
        label_set: The names of its labels; None if it has one class, `label`.
    """

    name: str
    path: Path
    label: str
    split: SplitName | None = None
    group: str = ""
    weight: float | None = None
    label_set: tuple[str, ...] | None = None

    @property
    def labels(self) -> tuple[str, ...]:
        """The names of its labels: its class, or those of its set."""
        return (self.label,) if self.label_set is None else self.label_set
