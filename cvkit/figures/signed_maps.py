"""The legend of signed maps, whose two colours show evidence for and against a class."""

from __future__ import annotations

from collections.abc import Sequence

from .artifacts import Legend
from .thumbnails import signed_bar

AGAINST, FOR = "against the class", "for the class"


def signed_legend(methods: Sequence[str]) -> Legend | None:
    """Return the legend for the maps of the named explainers, which are signed; None if there are none."""
    if not methods:
        return None
    return Legend(f"Colours of {', '.join(methods)}", AGAINST, FOR, signed_bar())
