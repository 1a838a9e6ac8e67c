"""The type of an option that is another data set: a part in a recipe, and its opened `Splits` for the factory."""

from __future__ import annotations

from typing import Any, get_args, get_origin


class NestedDataset:
    """Stands for the annotation ``Splits`` of an option, whose class would load torch."""


def nests_one(kind: Any) -> bool:
    """Return whether an option of this type is one data set."""
    return kind is NestedDataset


def nests_several(kind: Any) -> bool:
    """Return whether an option of this type is a list of data sets: ``tuple[Splits, ...]`` or ``list[Splits]``."""
    return get_origin(kind) in (tuple, list) and get_args(kind)[:1] == (NestedDataset,)


def nests(kind: Any) -> bool:
    """Return whether an option of this type is a data set or a list of them."""
    return nests_one(kind) or nests_several(kind)
