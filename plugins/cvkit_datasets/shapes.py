"""`shapes`: drawn images of ten shapes, with exact object masks; needs no network and no disk."""

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

VERSION = 1  # part of the digest; raise it whenever a pixel changes
Size = Annotated[int, Field(ge=1, le=1_000_000)]  # a million images are 4 GB with their masks, kept in memory
_CHUNK = 256  # images painted at a time: their fields stay in the processor's cache


def shapes(root: Path, *, train_size: Size = 12_000, test_size: Size = 2_000, seed: NonNegativeInt = 0) -> Splits:
    """Draw `train_size` and `test_size` images, 32x32 RGB, of 10 shapes in equal shares; `root` is not touched.

    Position, size, rotation, colours, background texture and the clutter around the object are random. Image i of
    a half depends on (`seed`, half, i) alone: the sizes only say how many are drawn, and the halves share none.
    """
    train, test = (draw_split(half, size, seed) for half, size in (("train", train_size), ("test", test_size)))
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
    return Splits(train=train, test=test, info=info, digest=digest)


def draw_split(half: str, size: int, seed: int) -> TensorSplit:
    """Draw the first `size` images of `half`, which may be any name: each has images of its own."""
    key = derive(f"cvkit_datasets/shapes/{half}", seed)
    chunks = [paint(key, np.arange(start, min(start + _CHUNK, size))) for start in range(0, size, _CHUNK)]
    images, labels, masks = (torch.from_numpy(np.concatenate(parts)) for parts in zip(*chunks, strict=True))
    return TensorSplit(images=images, labels=labels, masks=masks)
