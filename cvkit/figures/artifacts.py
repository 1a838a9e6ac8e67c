"""What a diagnosis leaves: a `Figure`, a `Table` or a `Gallery`, each able to say which files keep it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from .csv_export import csv_text

LabelledPng = tuple[str, bytes]
"""A label, and a PNG."""


@dataclass(frozen=True)
class Figure:
    """A drawing: a file-safe `name`, a `title`, one sentence of `caption`, the SVG text and the same as PNG."""

    name: str
    title: str
    caption: str
    svg: str
    png: bytes

    def files(self) -> dict[str, bytes]:
        """Return the files that keep it, by relative name."""
        return {f"{self.name}.svg": self.svg.encode(), f"{self.name}.png": self.png}


@dataclass(frozen=True)
class Table:
    """Rows of text under a header; the first column names the row."""

    name: str
    title: str
    caption: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    def files(self) -> dict[str, bytes]:
        """Return the files that keep it, by relative name."""
        return {f"{self.name}.csv": csv_text(self.header, self.rows).encode(errors="replace")}


@dataclass(frozen=True)
class Card:
    """A few small pictures of one sample side by side, lines of text below, and smaller `related` pictures.

    `labels` are what a gallery can be filtered by, and `values` what it can be sorted by, the highest first: by name,
    the same names in the same order on every card of a gallery.
    """

    pictures: tuple[LabelledPng, ...]
    lines: tuple[str, ...] = ()
    related: tuple[LabelledPng, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    values: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Gallery:
    """Cards in reading order; `pixelated` where few pixels were enlarged, to be shown with sharp edges.

    `related` is the heading of each card's related pictures. They are on the page only: as files, each would be there
    once for every card.
    """

    name: str
    title: str
    caption: str
    cards: tuple[Card, ...]
    pixelated: bool = False
    related: str = ""

    def choices(self) -> dict[str, dict[str, int]]:
        """Return, for each name that cards are labelled by, how many cards have each label, in the labels' order."""
        names = self.cards[0].labels if self.cards else ()
        return {name: dict(sorted(Counter(card.labels[name] for card in self.cards).items())) for name in names}

    def files(self) -> dict[str, bytes]:
        """Return the files that keep it, by relative name."""
        digits = max(2, len(str(len(self.cards))))
        return {
            f"{self.name}/{number:0{digits}}-{_slug(label)}.png": png
            for number, card in enumerate(self.cards, start=1)
            for label, png in card.pictures
        }


Artifact = Figure | Table | Gallery


def _slug(label: str) -> str:
    return re.sub(r"\W+", "-", label).strip("-")
