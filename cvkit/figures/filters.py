"""The filters of the page's templates: texts that may be in any script, and labels below pictures."""

from __future__ import annotations

import re
from collections.abc import Sequence

from markupsafe import Markup, escape

from ..formatting import shortened

_LONG = 16  # letters that fit below a picture of a card on the page
_UNBROKEN = 24  # letters of a word from which on it may be broken anywhere, so that a table fits its page
_NUMBER = re.compile(r"[<>≤≥±+-]*\d[\d,.]*(?:e[+-]?\d+)?(?: %)?(?: to [+-]?\d[\d,.]*(?: %)?)?")
_NOTHING = ("", "\N{EN DASH}", "-")
_LABELLED = re.compile(r"([\w ]+: )(.*?)((?: <?>?\d+(?:\.\d+)? %)?)", re.S)


def breakable(label: str, length: int = _LONG) -> Markup:
    """Return a label; words of more than `length` letters may be continued on the next line after an underscore."""
    words = [Markup("_<wbr>").join(word.split("_")) if len(word) > length else word for word in label.split(" ")]
    return Markup(" ").join(words)


def isolated(line: str) -> Markup:
    """Return a line such as ``true: NAME 12 %`` with the name isolated, so that its direction moves no number."""
    if found := _LABELLED.fullmatch(line):
        what, name, share = found.groups()
        return Markup("{}<bdi>{}</bdi>{}").format(what, name, share.replace(" %", "\N{NO-BREAK SPACE}%"))
    return Markup("<bdi>{}</bdi>").format(line)


def nbsp(text: str) -> str:
    """Return a text whose percentages are not broken between number and sign."""
    return str(text).replace(" %", "\N{NO-BREAK SPACE}%")


def middle(name: str, limit: int) -> Markup:
    """Return a name without its middle if it is long; long words may be broken after an underscore."""
    return Markup("_<wbr>").join(escape(part) for part in shortened(name, limit).split("_"))


def overlong(text: str) -> bool:
    """Return whether a text has a word that is too long for a column of a table."""
    return any(len(word) > _UNBROKEN for word in str(text).split())


def numeric(rows: Sequence[Sequence[str]]) -> frozenset[int]:
    """Return the columns of a table, counted from 0, that contain numbers or intervals, which are aligned right.

    The first column names the rows. A cell of other columns may be empty or a dash. Cells with a bar have their own
    layout.
    """
    columns = list(zip(*rows, strict=True))[1:]
    return frozenset(
        number
        for number, cells in enumerate(columns, start=1)
        if any(cell not in _NOTHING for cell in cells)
        and all(cell in _NOTHING or (type(cell) is str and _NUMBER.fullmatch(cell)) for cell in cells)
    )
