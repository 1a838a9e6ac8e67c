"""The results of a diagnosis: `Figure`, `Table` and `Gallery`. Each can return its contents as files."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from .csv_export import csv_text

LabelledPng = tuple[str, bytes]
"""A label and the bytes of a PNG."""


@dataclass(frozen=True)
class Figure:
    """A drawing.

    Attributes:
        name: The stem of its file names.
        title: The heading.
        caption: One or more sentences.
        svg: The drawing as SVG text.
        png: The same drawing as PNG.
        description: What the drawing shows, in words, for readers who cannot see it: values and trends, not the
            caption again.
    """

    name: str
    title: str
    caption: str
    svg: str
    png: bytes
    description: str = ""

    def files(self) -> dict[str, bytes]:
        """Return the files to save, by relative name."""
        return {f"{self.name}.svg": self.svg.encode(), f"{self.name}.png": self.png}


@dataclass(frozen=True)
class Table:
    """Rows of text under a header. The first column names the row.

    Attributes:
        name: The stem of its file name.
        title: The heading.
        caption: One or more sentences.
        header: The name of each column.
        rows: The cells of each row.
    """

    name: str
    title: str
    caption: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    def files(self) -> dict[str, bytes]:
        """Return the files to save, by relative name."""
        return {f"{self.name}.csv": csv_text(self.header, self.rows).encode(errors="replace")}


@dataclass(frozen=True)
class Card:
    """Pictures of one sample side by side, with lines of text and smaller `related` pictures below.

    Attributes:
        pictures: Labelled pictures of the sample.
        lines: Lines of text.
        related: Labelled pictures of other samples.
        labels: Values by name that a gallery can be filtered by.
        values: Numbers by name that a gallery can be sorted by, highest first. All cards of a gallery have the same
            names of labels and values, in the same order.
    """

    pictures: tuple[LabelledPng, ...]
    lines: tuple[str, ...] = ()
    related: tuple[LabelledPng, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    values: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Legend:
    """What colours in the pictures of a gallery mean.

    Attributes:
        title: The pictures that it is about.
        low: What the colour at the left end means.
        high: What the colour at the right end means.
        bar: The colours as PNG.
    """

    title: str
    low: str
    high: str
    bar: bytes


@dataclass(frozen=True)
class Gallery:
    """Cards in reading order.

    Attributes:
        name: The stem of its file names.
        title: The heading.
        caption: One or more sentences.
        cards: The cards.
        pixelated: Whether the pictures are enlarged and should be shown with sharp pixels.
        related: The heading of each card's related pictures. These are on the page only and not saved as files,
            because each would be repeated for many cards.
        legend: What colours mean, if that is not plain.
    """

    name: str
    title: str
    caption: str
    cards: tuple[Card, ...]
    pixelated: bool = False
    related: str = ""
    legend: Legend | None = None

    def choices(self) -> dict[str, dict[str, int]]:
        """Return, for each label name, how many cards have each label, sorted by label."""
        names = self.cards[0].labels if self.cards else ()
        return {name: dict(sorted(Counter(card.labels[name] for card in self.cards).items())) for name in names}

    def files(self) -> dict[str, bytes]:
        """Return the files to save, by relative name."""
        digits = max(2, len(str(len(self.cards))))
        legend = {f"{self.name}/legend.png": self.legend.bar} if self.legend else {}
        return legend | {
            f"{self.name}/{number:0{digits}}-{_slug(label)}.png": png
            for number, card in enumerate(self.cards, start=1)
            for label, png in card.pictures
        }


Artifact = Figure | Table | Gallery


def _slug(label: str) -> str:
    return re.sub(r"\W+", "-", label).strip("-")
