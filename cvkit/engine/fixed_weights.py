"""The weights that a loss uses without training or storing them, such as those of a teacher."""

from __future__ import annotations

from collections.abc import Mapping

from torch import nn

from ..guard import Guard, shown
from ..host.registry import Entry


def fixed_weights(entry: Entry, loss: nn.Module) -> dict[str, str]:
    """Return the SHA-256 of each of these weights by its name.

    Raises `ComponentFailure` if the loss does not name them by text.
    """
    guard = Guard(entry, "cannot name its fixed_weights")
    found = guard(getattr, loss, "fixed_weights", {})
    if not isinstance(found, Mapping) or not all(isinstance(text, str) for pair in found.items() for text in pair):
        raise guard.failure(f"has fixed_weights {shown(found)}; expected a mapping of names to SHA-256, both text")
    return dict(found)
