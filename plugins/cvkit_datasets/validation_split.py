"""A data set with validation images that were training images of another."""

from __future__ import annotations

from pathlib import Path

import torch
from pydantic import NonNegativeInt

from cvkit import Split, Splits

from .choosing import chosen
from .options import Share
from .views import changed, labels_of, splits_of, view


def validation_split(root: Path, *, of: Splits, validation: Share = 0.1, seed: NonNegativeInt = 0) -> Splits:
    """Return another data set in which some training images are validation images instead.

    Each class gives about the same share of its images. The mean and the standard deviation stay those of `of`.

    Args:
        root: The data folder; not used.
        of: The data set. It has no validation images of its own.
        validation: Fraction of the training images, above 0 and below 1, or their number, at least 1.
        seed: Seed of the random choice of images.

    Returns:
        The training images that are left, the validation images, and the test images.

    Raises:
        ValueError: `of` has validation images or repeats training images, or a class would keep no training image.
    """
    if validation is None:
        raise ValueError("validation: set the fraction or the number of validation images, such as 0.1")
    return with_validation(of, validation, seed)


def with_validation(of: Splits, share: float | int, seed: int) -> Splits:
    """Return `of` with a fraction or a number of its training images as validation images; see `validation_split`."""
    splits = splits_of(of)
    train = splits["train"]
    if "validation" in splits:
        raise ValueError(f"validation: the data set has {len(splits['validation']):,} validation images of its own")
    if getattr(train, "originals", None) is not None:
        raise ValueError(
            "validation: the data set repeats training images, so an image could be in both splits. Repeat the "
            "images after the split: {name: repeat, of: {name: validation_split, of: ...}}"
        )
    size = max(1, round(len(train) * share)) if isinstance(share, float) else share
    if size >= len(train):
        raise ValueError(f"validation: {share:g} leaves none of the {len(train):,} training images; lower it")
    moved = chosen(train, size, "cvkit_datasets/validation", seed)
    kept = torch.ones(len(train), dtype=torch.bool)
    kept[moved] = False
    _require_all_classes(train, kept, of.info.classes, share)
    same = range(of.info.num_classes)
    new = {
        "train": view(train, kept.nonzero().flatten().tolist(), same),
        "validation": view(train, moved, same),
        **{name: split for name, split in splits.items() if name != "train"},
    }
    note = f"{size:,} of {len(train):,} training images are used as validation images"
    return changed(of, new, "validation_split", {"validation": share, "seed": seed}, note)


def _require_all_classes(train: Split, kept: torch.Tensor, classes: tuple[str, ...], share: float | int) -> None:
    """Raise `ValueError` if a class of the training images would have none left."""
    labels = labels_of(train)
    before, after = (torch.bincount(each, minlength=len(classes)) for each in (labels, labels[kept]))
    if emptied := [name for name, had, has in zip(classes, before, after, strict=True) if had and not has]:
        raise ValueError(f"validation: {share:g} leaves the class '{emptied[0]}' without training images; lower it")
