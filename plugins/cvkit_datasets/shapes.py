"""A data set of drawn images of ten shapes with exact object masks, which needs no network and no files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import numpy as np
import torch
from pydantic import Field, NonNegativeInt

from cvkit import DataInfo, Splits, TensorSplit, derive

from .channels import mean_and_std
from .outlines import OUTLINES
from .painting import SIDE, paint

VERSION = 1  # part of the digest; increase it when any pixel changes
Size = Annotated[int, Field(ge=1, le=1_000_000)]  # a million images with their masks take 4 GB of memory
_CHUNK = 256  # images drawn at a time, so that the intermediate arrays fit into the processor cache


def shapes(
    root: Path,
    *,
    train_size: Size = 12_000,
    test_size: Size = 2_000,
    validation_size: Annotated[int, Field(ge=0, le=1_000_000)] = 0,
    seed: NonNegativeInt = 0,
) -> Splits:
    """Draw a data set of 10 shapes in equal numbers, 32x32 RGB images with exact object masks.

    Position, size, rotation, colours, background texture and the clutter around the object are random. An image
    depends only on `seed`, on its split and on its index, so other sizes do not change it. No image is in two splits.

    Args:
        root: The data folder; not used.
        train_size: Number of training images, 1 to 1,000,000.
        test_size: Number of test images, 1 to 1,000,000.
        validation_size: Number of validation images, 0 to 1,000,000; 0 for none.
        seed: Seed of the random draws, at least 0.

    Returns:
        Training, validation and test images, uint8 (3, 32, 32), with labels and masks.
    """
    train, test = (draw_split(half, size, seed) for half, size in (("train", train_size), ("test", test_size)))
    validation = draw_split("validation", validation_size, seed) if validation_size else None
    mean, std = mean_and_std(train.images.numpy())
    info = DataInfo(
        channels=3,
        height=SIDE,
        width=SIDE,
        classes=tuple(outline.name for outline in OUTLINES),
        mean=mean,
        std=std,
    )
    digest = f"shapes-{VERSION}/seed={seed}/train={train_size}/test={test_size}"
    digest += f"/validation={validation_size}" if validation_size else ""
    return Splits(train=train, test=test, info=info, digest=digest, validation=validation)


def draw_split(half: str, size: int, seed: int) -> TensorSplit:
    """Draw the first `size` images of `half`; every name of a half gives different images."""
    key = derive(f"cvkit_datasets/shapes/{half}", seed)
    chunks = [paint(key, np.arange(start, min(start + _CHUNK, size))) for start in range(0, size, _CHUNK)]
    images, labels, masks = (torch.from_numpy(np.concatenate(parts)) for parts in zip(*chunks, strict=True))
    return TensorSplit(images=images, labels=labels, masks=masks)
