"""A data set of some images or some classes of another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Literal

import torch
from pydantic import Field, NonNegativeInt, PositiveInt

from cvkit import Splits

from .choosing import chosen
from .views import changed, labels_of, splits_of, view


def subset(
    root: Path,
    *,
    of: Splits,
    fraction: Annotated[float, Field(gt=0, le=1)] | None = None,
    count: PositiveInt | None = None,
    classes: tuple[str, ...] = (),
    splits: Literal["train", "all"] = "train",
    seed: NonNegativeInt = 0,
) -> Splits:
    """Return some images of another data set, with about the same share of each class, or only some classes.

    A smaller subset with the same seed is part of a larger one. No image moves to another split. The mean and the
    standard deviation are those of the whole data set.

    Args:
        root: The data folder; not used.
        of: The data set.
        fraction: Fraction of the images of each split, above 0 and at most 1; null: all.
        count: Number of images of each split, at least 1, instead of `fraction`; null: all.
        classes: Names of the classes to keep, in this order, in every split; by default all.
        splits: Which splits `fraction` and `count` reduce: `train` or `all`.
        seed: Seed of the random choice of images.

    Returns:
        The splits that `of` has.

    Raises:
        ValueError: A class does not exist or has no images, `count` is larger than a split, or both `fraction` and
            `count` are set.
    """
    if fraction is not None and count is not None:
        raise ValueError("set either fraction or count")
    kept = _with_classes(of, classes) if classes else of
    new: dict[str, Any] = {}
    for name, split in splits_of(kept).items():
        if splits == "train" and name != "train":
            new[name] = split
            continue
        size = count if count is not None else round(len(split) * (1.0 if fraction is None else fraction))
        if size > len(split):
            raise ValueError(f"count: {size} is more than the {len(split)} {name} images of the data set")
        new[name] = view(
            split, chosen(split, max(1, size), f"cvkit_datasets/subset/{name}", seed), range(kept.info.num_classes)
        )
    options = {"fraction": fraction, "count": count, "classes": list(classes), "splits": splits, "seed": seed}
    sizes = ", ".join(f"{len(split):,} of {len(splits_of(of)[name]):,} {name}" for name, split in new.items())
    of_classes = f", of {len(classes)} of {of.info.num_classes} classes" if classes else ""
    return changed(kept, new, "subset", options, f"the data set is a subset: {sizes} images{of_classes}")


def _with_classes(of: Splits, classes: Sequence[str]) -> Splits:
    """Return the images of some classes, labelled in their order."""
    if missing := [name for name in classes if name not in of.info.classes]:
        known = ", ".join(of.info.classes[:20]) + (", ..." if of.info.num_classes > 20 else "")
        raise ValueError(f"classes: the data set has no class '{missing[0]}'; it has {known}")
    if len(set(classes)) < max(2, len(classes)):
        raise ValueError("classes: name at least two classes, each once")
    labels = [classes.index(name) if name in classes else -1 for name in of.info.classes]
    new: dict[str, Any] = {}
    for name, split in splits_of(of).items():
        kept = (torch.as_tensor(labels)[labels_of(split)] >= 0).nonzero().flatten().tolist()
        if not kept:
            raise ValueError(f"classes: there are no {name} images of {' or '.join(classes)}")
        new[name] = view(split, kept, labels)
    info = replace(of.info, classes=tuple(classes))
    return replace(of, info=info, **new)
