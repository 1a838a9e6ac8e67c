"""The check of how fast image files are decoded, in this process and by worker processes."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor

from ..data.decoding import read_image
from ..data.loading import DataLoaderSource, Reading
from ..errors import CvkitError
from .check import Check, warned

_PHOTOS, _BATCH, _SIZE = 48, 8, (320, 240)
_WORKERS = 2


class _Photos:
    """JPEG files as a split; two passes read each file twice."""

    masks = None

    def __init__(self, paths: list[Path]) -> None:
        self._paths = paths

    def __len__(self) -> int:
        return len(self._paths)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        return read_image(self._paths[index], 3), 0


def decoding() -> Iterator[Check]:
    """Yield how many small photos a second are decoded in this process and by two worker processes."""
    with tempfile.TemporaryDirectory(prefix="cvkit-doctor-") as folder:
        split = _Photos(_written(Path(folder)))
        alone = _speed(split, 0)
        try:
            shared = _speed(split, _WORKERS)
        except CvkitError as error:
            advice = f"Processes that load images do not work: {error}"
            yield Check("decoding", f"{alone:,.0f} photos/s without workers", advice, "problem")
            return
    width, height = _SIZE
    advice = ""
    if shared < alone:
        advice = "Worker processes do not help here, as on a single core; set train.workers: 0"
    yield warned(
        "decoding",
        f"JPEG photos of {width}x{height}: {alone:,.0f}/s without workers, {shared:,.0f}/s with {_WORKERS}",
        advice,
        photos_per_second_without_workers=round(alone, 1),
        photos_per_second_with_two_workers=round(shared, 1),
    )


def _written(folder: Path) -> list[Path]:
    """Write photos of coarse random blocks, which compress about as well as real ones."""
    generator = torch.Generator().manual_seed(0)
    paths = [folder / f"{number}.jpg" for number in range(_PHOTOS)]
    for path in paths:
        coarse = torch.randint(0, 256, (_SIZE[1] // 8, _SIZE[0] // 8, 3), dtype=torch.uint8, generator=generator)
        Image.fromarray(coarse.numpy()).resize(_SIZE, Image.Resampling.BICUBIC).save(path, quality=90)
    return paths


def _speed(split: _Photos, workers: int) -> float:
    """Return photos per second of a second pass, in which the processes are there."""
    source = DataLoaderSource(split, torch.device("cpu"), workers)
    order = torch.arange(len(split))
    with source.kept_open():
        for _ in source.batches(Reading(order, _BATCH)):
            pass
        begun = time.perf_counter()
        for _ in source.batches(Reading(order, _BATCH)):
            pass
        return len(split) / (time.perf_counter() - begun)
