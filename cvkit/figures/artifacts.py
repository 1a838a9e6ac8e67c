"""The results of a diagnosis: `Figure`, `Table`, `Gallery` and `Matrix`. Each can return its contents as files."""

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


class Bar(str):
    """A cell of a table: its text is shown beside a bar for a share, with the interval of the share.

    Attributes:
        share: The length of the bar in [0, 1].
        low: The lower end of the interval in [0, 1].
        high: The upper end of the interval in [0, 1].
    """

    share: float
    low: float
    high: float

    def __new__(cls, text: str, share: float, low: float, high: float) -> Bar:
        """Return a cell with this text."""
        made = super().__new__(cls, text)
        made.share, made.low, made.high = share, low, high
        return made


class Sample(str):
    """A cell of a table: a picture, whose text is its alternative text.

    Attributes:
        png: The bytes of a PNG.
    """

    png: bytes

    def __new__(cls, text: str, png: bytes) -> Sample:
        """Return a cell with this text."""
        made = super().__new__(cls, text)
        made.png = png
        return made


@dataclass(frozen=True)
class MatrixCell:
    """A cell of a `Block` that is not empty.

    Attributes:
        share: The share of the row in [0, 1], which decides on the colour.
        text: What is written in the cell.
        tip: What is shown for the cell, in full.
        correct: Whether the images of the cell are classified correctly.
        pair: The names of the true and of the predicted class, by which a gallery can be filtered; None for several
            classes.
    """

    share: float
    text: str
    tip: str
    correct: bool = False
    pair: tuple[str, str] | None = None


@dataclass(frozen=True)
class Block:
    """Some classes of a `Matrix`.

    Attributes:
        title: What these classes are; may be empty.
        names: The names of the classes, in full.
        columns: The heads of the columns.
        rows: For each class, a cell for each column; None where there is no image.
    """

    title: str
    names: tuple[str, ...]
    columns: tuple[str, ...]
    rows: tuple[tuple[MatrixCell | None, ...], ...]


@dataclass(frozen=True)
class Matrix:
    """A confusion matrix that is shown as a grid of its most important blocks.

    Attributes:
        name: The stem of its file names.
        title: The heading.
        caption: One or more sentences.
        blocks: The classes that are shown, the most important first.
        drawing: The whole matrix as a figure, which is saved and not shown.
        header: The head of the CSV file.
        rows: The rows of the CSV file, which has every cell that is not empty.
    """

    name: str
    title: str
    caption: str
    blocks: tuple[Block, ...]
    drawing: Figure
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    def files(self) -> dict[str, bytes]:
        """Return the files to save, by relative name."""
        table = csv_text(self.header, self.rows).encode(errors="replace")
        svg, png = self.drawing.svg.encode(), self.drawing.png
        return {f"{self.name}.csv": table, f"{self.name}.svg": svg, f"{self.name}.png": png}


@dataclass(frozen=True)
class Card:
    """Pictures of one sample side by side, with lines of text and smaller `related` pictures below.

    Attributes:
        pictures: Labelled pictures of the sample. With `columns`, the first is the sample, and the others fill a
            table column by column.
        lines: Lines of text.
        related: Labelled pictures of other samples.
        also_related: Labelled pictures of further samples, for example of another split.
        labels: Values by name that a gallery can be filtered by.
        values: Numbers by name that a gallery can be sorted by, highest first. All cards of a gallery have the same
            names of labels and values, in the same order.
        columns: The heads of the table of pictures, such as methods; empty for pictures in a row.
        rows: The names of the rows of that table, such as ``predicted`` and ``true``.
        empty: The columns and rows, counted from 0, of the maps in that table that show no evidence.
    """

    pictures: tuple[LabelledPng, ...]
    lines: tuple[str, ...] = ()
    related: tuple[LabelledPng, ...] = ()
    also_related: tuple[LabelledPng, ...] = field(default=(), kw_only=True)
    labels: Mapping[str, str] = field(default_factory=dict)
    values: Mapping[str, float] = field(default_factory=dict)
    columns: tuple[str, ...] = ()
    rows: tuple[str, ...] = ()
    empty: frozenset[tuple[int, int]] = frozenset()

    def at(self, column: int, row: int) -> LabelledPng:
        """Return the picture in a column and a row of the table."""
        return self.pictures[1 + column * len(self.rows) + row]


@dataclass(frozen=True)
class Legend:
    """What colours in the pictures of a gallery mean.

    Attributes:
        title: The pictures that it is about.
        low: What the colour at the left end means.
        high: What the colour at the right end means.
        bar: The colours as PNG.
        name: The stem of the file of the bar.
    """

    title: str
    low: str
    high: str
    bar: bytes
    name: str = "legend"


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
        also_related: The heading of each card's further related pictures, which are on the page only, too.
        legends: What the colours of maps mean.
    """

    name: str
    title: str
    caption: str
    cards: tuple[Card, ...]
    pixelated: bool = False
    related: str = ""
    also_related: str = field(default="", kw_only=True)
    legends: tuple[Legend, ...] = ()

    def choices(self) -> dict[str, dict[str, int]]:
        """Return, for each label name, how many cards have each label, sorted by label."""
        names = self.cards[0].labels if self.cards else ()
        return {name: dict(sorted(Counter(card.labels[name] for card in self.cards).items())) for name in names}

    def files(self) -> dict[str, bytes]:
        """Return the files to save, by relative name."""
        digits = max(2, len(str(len(self.cards))))
        legends = {f"{self.name}/{legend.name}.png": legend.bar for legend in self.legends}
        return legends | {
            f"{self.name}/{number:0{digits}}-{_slug(label)}.png": png
            for number, card in enumerate(self.cards, start=1)
            for label, png in card.pictures
        }


Artifact = Figure | Table | Gallery | Matrix


def _slug(label: str) -> str:
    return re.sub(r"\W+", "-", label).strip("-")
