"""What a diagnosis leaves: a `Figure`, a `Table` or a `Gallery`, each able to say which files keep it."""

from __future__ import annotations

import csv
import io
import re
from dataclasses import dataclass


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
        text = io.StringIO(newline="")
        csv.writer(text).writerows([self.header, *self.rows])
        return {f"{self.name}.csv": text.getvalue().encode(errors="replace")}


@dataclass(frozen=True)
class Card:
    """A few small pictures of one sample side by side, as (label, PNG bytes), and lines of text below."""

    pictures: tuple[tuple[str, bytes], ...]
    lines: tuple[str, ...] = ()


@dataclass(frozen=True)
class Gallery:
    """Cards in reading order; `pixelated` where few pixels were enlarged, to be shown with sharp edges."""

    name: str
    title: str
    caption: str
    cards: tuple[Card, ...]
    pixelated: bool = False

    def files(self) -> dict[str, bytes]:
        """Return the files that keep it, by relative name."""
        return {
            f"{self.name}/{number:02}-{_slug(label)}.png": png
            for number, card in enumerate(self.cards, start=1)
            for label, png in card.pictures
        }


Artifact = Figure | Table | Gallery


def _slug(label: str) -> str:
    return re.sub(r"\W+", "-", label).strip("-")
