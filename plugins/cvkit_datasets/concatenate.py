"""A data set of the images of several data sets."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from cvkit import DataInfo, Split, Splits

from .views import account_of, chain, digest_of, splits_of

_ALIKE = ("channels", "height", "width", "framing", "fixed_normalisation")


def concatenate(root: Path, *, of: tuple[Splits, ...]) -> Splits:
    """Return the images of several data sets: training with training images, and so on.

    Classes with the same name are one class; the classes of the first data set come first. The mean and the standard
    deviation are those of all training images.

    Args:
        root: The data folder; not used.
        of: The data sets. Their images have the same channels, size and framing.

    Returns:
        Every split that one of the data sets has.

    Raises:
        ValueError: The data sets have different channels, sizes or framing.
    """
    first = of[0].info
    for number, one in enumerate(of[1:], start=1):
        for field in _ALIKE:
            if (own := getattr(one.info, field)) != (expected := getattr(first, field)):
                raise ValueError(f"of.{number} has the {field} {own}, but of.0 has {expected}")
    classes = tuple(dict.fromkeys(name for one in of for name in one.info.classes))
    new: dict[str, Split] = {}
    missing = []
    for half in ("train", "validation", "test"):
        found = [splits_of(one).get(half) for one in of]
        have = [(split, one.info) for split, one in zip(found, of, strict=True) if split is not None]
        if have:
            maps = [[classes.index(name) for name in info.classes] for _, info in have]
            new[half] = chain([split for split, _ in have], maps)
            missing += [f"of.{number} has no {half} images" for number, one in enumerate(found) if one is None]
    note = "; ".join([f"{len(of)} data sets are concatenated", *missing])
    fields: dict[str, Any] = {"train": None, "validation": None, "test": None, **new}
    return Splits(
        **fields,
        info=replace(_with_statistics(of), classes=classes),
        digest=digest_of(of, "concatenate", {}),
        account=account_of(of, new, classes, note),
    )


def _with_statistics(of: tuple[Splits, ...]) -> DataInfo:
    """Return the info of the first data set with the mean and standard deviation of all training images together."""
    sizes = [len(one.train) for one in of]
    shares = [size / sum(sizes) for size in sizes]
    channels = range(of[0].info.channels)
    mean = [sum(share * one.info.mean[c] for share, one in zip(shares, of, strict=True)) for c in channels]
    square = [
        sum(share * (one.info.std[c] ** 2 + one.info.mean[c] ** 2) for share, one in zip(shares, of, strict=True))
        for c in channels
    ]
    std = [max(square[c] - mean[c] ** 2, 0.0) ** 0.5 for c in channels]
    return replace(of[0].info, mean=tuple(mean), std=tuple(std))
