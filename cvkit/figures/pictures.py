"""The pictures of a page: as small as they can be, and each contained once.

Artifacts contain PNG, which every program can read. A page shows the same pictures as WebP, which is several times
smaller. A picture that a page shows several times, such as the neighbour of several errors, is contained once, as the
background of a class in the style sheet.
"""

from __future__ import annotations

import base64
import io
from collections import Counter
from collections.abc import Iterable

from markupsafe import Markup
from PIL import Image, UnidentifiedImageError

from .artifacts import Artifact, Card, Gallery, Sample, Table

_QUALITY = 82  # of lossy WebP; at higher ones, pages of 48 errors with maps by four methods exceed 4 MB
_REPEATED = 400  # bytes of a picture from which on it is contained once


class Pictures:
    """The pictures of the artifacts of a page.

    Attributes:
        style: The rules for the pictures that are shown several times.
    """

    def __init__(self, artifacts: Iterable[Artifact]) -> None:
        self._addresses: dict[bytes, str] = {}
        self._classes: dict[bytes, str] = {}
        rules: list[str] = []
        for png, times in Counter(_pictures(artifacts)).items():
            if times > 1 and len(png) > _REPEATED and (size := _size(png)):
                name = f"p{len(rules) + 1}"
                self._classes[png] = name
                rules.append(
                    f'.{name}{{background-image:url("{self.address(png)}");aspect-ratio:{size[0]}/{size[1]}}}'
                )
        self.style = Markup("\n".join(rules))  # noqa: S704  # names, numbers and base64

    def element(self, png: bytes, words: str) -> Markup:
        """Return the HTML element that shows a picture; `words` say what is seen."""
        if name := self._classes.get(png):
            return Markup('<span class="picture {}" role="img" aria-label="{}"></span>').format(name, words)
        size = _size(png)
        sides = Markup(' width="{}" height="{}"').format(*size) if size else ""
        return Markup('<img src="{}" alt="{}"{} loading="lazy" decoding="async">').format(
            self.address(png), words, sides
        )

    def address(self, png: bytes) -> str:
        """Return a picture as the shortest data address: WebP, or the PNG if that is not longer."""
        if png not in self._addresses:
            mime, data = min(_encoded(png), key=lambda each: len(each[1]))
            self._addresses[png] = f"data:{mime};base64,{base64.b64encode(data).decode()}"
        return self._addresses[png]


def _pictures(artifacts: Iterable[Artifact]) -> Iterable[bytes]:
    for artifact in artifacts:
        if isinstance(artifact, Gallery):
            for card in artifact.cards:
                yield from _of_card(card)
        elif isinstance(artifact, Table):
            yield from (cell.png for row in artifact.rows for cell in row if isinstance(cell, Sample))


def _of_card(card: Card) -> Iterable[bytes]:
    for _, png in (*card.pictures, *card.related, *card.also_related):
        yield png


def _encoded(png: bytes) -> Iterable[tuple[str, bytes]]:
    """Yield the encodings of a picture with their types. Few colours are kept exactly, as in enlarged pixels."""
    yield "image/png", png
    try:
        with Image.open(io.BytesIO(png), formats=("PNG",)) as picture:
            if picture.convert("RGBA").getchannel("A").getextrema() != (255, 255):
                return  # a transparent picture shows the colour of the page
            pixels = picture.convert("RGB")
    except (UnidentifiedImageError, OSError):
        return
    few = pixels.getcolors(2_048) is not None
    written = io.BytesIO()
    pixels.save(written, "WEBP", lossless=few, quality=60 if few else _QUALITY, method=4)
    yield "image/webp", written.getvalue()


def _size(png: bytes) -> tuple[int, int] | None:
    try:
        with Image.open(io.BytesIO(png), formats=("PNG",)) as picture:
            return picture.size
    except (UnidentifiedImageError, OSError):
        return None
