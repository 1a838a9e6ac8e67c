"""A split of image files, which are decoded when they are needed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from cvkit import CvkitError, DataError, Needed, read_image

from .headers import reason_of
from .indexed.packed_text import PackedPaths, PackedText
from .options import Reading
from .samples import Sample

Label = int | Tensor
"""The number of a class; for a set of labels uint8 (K,), 1 for each label of the image and 0 for the others."""


@dataclass(frozen=True, eq=False)  # tensors have no equality as a whole
class FileSplit:
    """Image files; ``split[i]`` is an image in its own size, uint8 (C, H, W), and its label.

    Attributes:
        names: The path of each file, relative to the folder of the data set.
        files: The files.
        labels: The label of each: numbers of classes, or uint8 (N, K) for sets of labels.
        channels: 1 or 3.
        bits: As for `read`.
        max_megapixels: As for `read`.
        weights: How often the sampler `weighted` uses each image relative to others; None if there are no weights.
    """

    names: PackedText
    files: PackedPaths
    labels: tuple[int, ...] | Tensor
    channels: int
    bits: int
    max_megapixels: int | None
    weights: tuple[float, ...] | None = None

    @classmethod
    def of(cls, samples: Sequence[Sample], classes: Sequence[str], reading: Reading) -> FileSplit:
        """Return the split of these samples."""
        numbers = {name: label for label, name in enumerate(classes)}
        weights = tuple(sample.weight for sample in samples if sample.weight is not None)
        return cls(
            PackedText.of(sample.name for sample in samples),
            PackedPaths.of(sample.path for sample in samples),
            _labels_of(samples, numbers),
            reading.channels,
            reading.bits,
            reading.max_megapixels,
            weights or None,
        )

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, index: int, /) -> tuple[Tensor, Label]:
        return self._read(index, None)

    def reduced(self, index: int, needed: Needed, /) -> tuple[Tensor, Label]:
        """Return an image, reduced as far as `needed` allows if it is a JPEG file, and its label."""
        return self._read(index, needed)

    def _read(self, index: int, needed: Needed | None) -> tuple[Tensor, Label]:
        path, megapixels = self.files[index], self.max_megapixels
        image = read(path, channels=self.channels, bits=self.bits, max_megapixels=megapixels, needed=needed)
        return image, self.labels[index]


def _labels_of(samples: Sequence[Sample], numbers: dict[str, int]) -> tuple[int, ...] | Tensor:
    if all(sample.label_set is None for sample in samples):
        return tuple(numbers[sample.label] for sample in samples)
    sets = torch.zeros(len(samples), len(numbers), dtype=torch.uint8)  # a byte for each; a tuple takes eight
    for row, sample in zip(sets, samples, strict=True):
        row[[numbers[name] for name in sample.labels]] = 1
    return sets


def read(path: Path, *, channels: int, bits: int, max_megapixels: int | None, needed: Needed | None = None) -> Tensor:
    """Return the image at `path` as uint8 (`channels`, H, W) in its own size; raise `DataError` with its name.

    With `needed`, JPEG files may be reduced, as by `read_image`. `cvkit explain` and `cvkit.load` call it with the
    options of the recipe to read other images.
    """
    try:
        return read_image(path, channels, bits=bits, max_megapixels=max_megapixels, needed=needed)
    except CvkitError:  # from `needed`
        raise
    except Exception as error:  # Pillow's decoders raise many kinds of errors for damaged files
        raise DataError(f"could not read {path} as an image: {reason_of(error)}") from error
