"""A data set of drawn images with several shapes each, or none, which needs no network and no files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field, NonNegativeInt

from cvkit import DataInfo, Splits, TensorSplit, derive

from .channels import mean_and_std
from .draws import Draws
from .outlines import OUTLINES
from .painting import CLUTTER, SIDE, background, clutter_distance, contrasting, cover, direction, of_outlines
from .painting import outline_distance as distance_to

VERSION = 1  # part of the digest; increase it when any pixel changes
Size = Annotated[int, Field(ge=1, le=100_000)]  # a hundred thousand images with their masks take 1.4 GB of memory
_CHUNK = 256  # images drawn at a time, so that the intermediate arrays fit into the processor cache
_MOST = 3  # shapes in an image
_SIDE_OF = (6.5, 9.0)  # pixels; range of the square root of the area of a shape
_CORNERS = np.array([(-1, -1), (1, -1), (-1, 1), (1, 1)], dtype=np.float32) * (SIDE / 4)


def several_shapes(
    root: Path,
    *,
    train_size: Size = 6_000,
    test_size: Size = 1_000,
    validation_size: Annotated[int, Field(ge=0, le=100_000)] = 1_000,
    seed: NonNegativeInt = 0,
) -> Splits:
    """Draw a multi-label data set: 32x32 RGB images with up to three different shapes of 10, and a mask of each.

    A tenth of the images has no shape; the others have one, two or three in equal numbers. Each shape is in another
    quarter of the image, and covers what is behind it. An image depends only on `seed`, on its split and on its
    index, so other sizes do not change it. No image is in two splits.

    Args:
        root: The data folder; not used.
        train_size: Number of training images, 1 to 100,000.
        test_size: Number of test images, 1 to 100,000.
        validation_size: Number of validation images, 0 to 100,000; 0 for none.
        seed: Seed of the random draws, at least 0.

    Returns:
        Training, validation and test images, uint8 (3, 32, 32), with label sets and masks of each label.
    """
    train, test = (draw_split(half, size, seed) for half, size in (("train", train_size), ("test", test_size)))
    validation = draw_split("validation", validation_size, seed) if validation_size else None
    mean, std = mean_and_std(train.images.numpy())
    names = tuple(outline.name for outline in OUTLINES)
    info = DataInfo(3, SIDE, SIDE, names, mean, std, task="multi_label")
    digest = f"several-shapes-{VERSION}/seed={seed}/train={train_size}/test={test_size}/validation={validation_size}"
    return Splits(train=train, test=test, info=info, digest=digest, validation=validation)


def draw_split(half: str, size: int, seed: int) -> TensorSplit:
    """Draw the first `size` images of `half`; every name of a half gives different images."""
    key = derive(f"cvkit_datasets/several_shapes/{half}", seed)
    chunks = [_paint(key, np.arange(start, min(start + _CHUNK, size))) for start in range(0, size, _CHUNK)]
    images, labels, masks = (torch.from_numpy(np.concatenate(parts)) for parts in zip(*chunks, strict=True))
    return TensorSplit(images=images, labels=labels, masks=masks)


def _paint(key: int, indices: NDArray[np.int64]) -> tuple[NDArray[np.uint8], NDArray[np.float32], NDArray[np.bool_]]:
    """Return images uint8 (B, 3, 32, 32), label sets float32 (B, 10) and masks bool (B, 10, 32, 32)."""
    draw = Draws(key, indices)
    rows = np.arange(len(indices))
    share = draw(1)[:, 0]
    count = np.where(share < 0.1, 0, 1 + np.floor((share - 0.1) / 0.9 * _MOST).clip(max=_MOST - 1).astype(np.int64))
    kinds = draw(len(OUTLINES)).argsort(axis=1, kind="stable")[:, :_MOST]
    corners = _CORNERS[draw(len(_CORNERS)).argsort(axis=1, kind="stable")[:, :_MOST]]
    image, backdrop = background(draw)
    for _ in range(CLUTTER):
        cover(image, clutter_distance(draw), draw(3))
    labels = np.zeros((len(indices), len(OUTLINES)), dtype=np.float32)
    masks = np.zeros((*labels.shape, SIDE, SIDE), dtype=np.bool_)
    for number in range(_MOST):
        kind, there = kinds[:, number], number < count
        unit = draw(1, *_SIDE_OF) / np.sqrt(of_outlines("area", kind))
        room = (SIDE / 4 - of_outlines("reach", kind) * unit).clip(min=0)
        centre = corners[:, number] + draw(2, -1, 1) * room
        distance = distance_to(kind, unit, centre, direction(draw))
        distance[~there] = SIDE  # farther than any pixel: nothing is painted
        cover(image, distance, contrasting(draw, backdrop))
        masks &= ~(distance < 0)[:, None]
        masks[rows, kind] |= distance < 0
        labels[rows, kind] = np.maximum(labels[rows, kind], there)
    image += draw(SIDE * SIDE, -0.06, 0.06).reshape(-1, 1, SIDE, SIDE)
    return np.rint(np.clip(image, 0, 1) * 255).astype(np.uint8), labels, masks
