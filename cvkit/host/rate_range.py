"""The usual learning rates of an optimizer, as its plugin declares them."""

from __future__ import annotations


def is_range(usual: object) -> bool:
    """Whether `usual` is a pair of learning rates, the lower one first."""
    if not isinstance(usual, tuple) or len(usual) != 2 or not all(isinstance(end, int | float) for end in usual):
        return False
    return bool(0 < usual[0] < usual[1])
