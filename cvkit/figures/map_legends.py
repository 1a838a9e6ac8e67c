"""The legends of maps: the colours of evidence for a class, and of signed maps, which also show that against it."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from .artifacts import Legend
from .thumbnails import colour_bar

AGAINST, FOR = "against the class", "for the class"


def map_legends(methods: Sequence[str], signed: Collection[str]) -> tuple[Legend, ...]:
    """Return the legends for the maps of the named explainers, of which some are `signed`; empty for none."""
    plain, both = ([name for name in methods if (name in signed) == is_signed] for is_signed in (False, True))
    found = []
    if plain:
        title = f"Colours of {', '.join(plain)}"
        found.append(Legend(title, "no evidence for the class", "most evidence in the map", colour_bar(), "heat"))
    if both:
        found.append(Legend(f"Colours of {', '.join(both)}", AGAINST, FOR, colour_bar(signed=True)))
    return tuple(found)
