"""The filters of the page's templates: texts that may be in any script, and labels below pictures."""

from __future__ import annotations

import re

from markupsafe import Markup, escape

from ..formatting import shortened

_LONG = 16  # letters that fit below a picture of a card on the page
_LABELLED = re.compile(r"([\w ]+: )(.*?)((?: <?>?\d+(?:\.\d+)? %)?)", re.S)


def breakable(label: str) -> Markup:
    """Return a label; words of more than 16 letters may be continued on the next line after an underscore."""
    words = [Markup("_<wbr>").join(word.split("_")) if len(word) > _LONG else word for word in label.split(" ")]
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
