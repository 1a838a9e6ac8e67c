"""An image that a scan of large files finds, its label, and the classes of the labels of many images."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from ..finding import listed, natural

_SPARE, _PROPORTION = 1000, 100
"""A number below the first is a class, however few labels occur; so is one below this many times the labels."""
Label = int | str | tuple[int | str, ...]


@dataclass(frozen=True)
class ScannedImage:
    """An image in a large file: its name, the place of its bytes, its label, height and width, and SHA-256."""

    name: str
    offset: int
    size: int
    label: Label
    dimensions: tuple[int, int]
    digest: bytes


def is_label(value: Any) -> bool:
    """Return whether a value of JSON is a label: a number of a class, or a name."""
    return isinstance(value, int | str) and not isinstance(value, bool)


def number_or_name(text: str) -> int | str:
    """Return a label: a number if all signs are digits; raise `ValueError` if it is empty."""
    if not text:
        raise ValueError("no label: its text is empty")
    return int(text) if text.isascii() and text.isdecimal() else text


def classes_of(labels: Sequence[Label], given: Sequence[str], image_with: Callable[[Label], str]) -> tuple[str, ...]:
    """Return the names of the classes for scanned labels; `given` are those of the recipe, or empty.

    `image_with` returns the name of an image that has one of the labels. Raises `ValueError` if numbers and names are
    mixed, if `given` lacks a class, or if a number is too large for a class.
    """
    found: dict[int | str, Label] = {}  # with a scanned label that contains it
    for label in labels:
        for one in label if isinstance(label, tuple) else (label,):
            found.setdefault(one, label)
    if not found and not given:
        raise ValueError("no image has a label, so there are no classes; set field, or list the classes in classes")
    numbers = {one for one in found if isinstance(one, int)}
    if numbers and len(numbers) < len(found):
        names = listed(sorted(str(one) for one in found.keys() - numbers))
        raise ValueError(f"labels are numbers and names: {names}; write all of them in one form")
    if numbers:
        if given and max(numbers) >= len(given):
            raise ValueError(f"the label {max(numbers)} has no name in classes, which lists {len(given)}")
        largest = max(numbers)
        if not given and largest >= max(_SPARE, _PROPORTION * len(numbers)):
            raise ValueError(
                f"the label {largest} of {image_with(found[largest])} would make {largest + 1:,} classes, but only "
                f"{len(numbers):,} different labels occur. Correct it, or list the classes in classes"
            )
        return tuple(given) or tuple(str(number) for number in range(max(numbers) + 1))
    names_found = {str(one) for one in found}
    if given and (missing := names_found - set(given)):
        raise ValueError(f"classes lacks {listed(sorted(missing))}")
    return tuple(given) or tuple(sorted(names_found, key=natural))
