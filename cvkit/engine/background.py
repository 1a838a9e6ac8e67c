"""A sample of the training images, which explainers compare images with."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property

from torch import Tensor

from ..data.loading import materialize
from ..data.resizing import framed
from ..data.splits import DataInfo, Split
from ..errors import CvkitError, DataError, RunError
from ..seeding import permutation

LARGEST = 64
"""The largest number of background images: they stay in the memory of the device, 39 MB for 3x224x224."""


class Background:
    """A sample of up to 64 training images, as the model receives them in evaluation. It is read on first use.

    The sample depends only on the seed of the run and on the number of training images. It is in random order, so the
    first images are a random sample too.

    Args:
        read: Returns the images and the labels.
    """

    def __init__(self, read: Callable[[], tuple[Tensor, Tensor]]) -> None:
        self._read = read

    @classmethod
    def of(cls, images: Tensor, labels: Tensor) -> Background:
        """Return a background of given images, for example in a test.

        Args:
            images: Normalised images, float (N, C, H, W).
            labels: Their classes, int64 (N,).
        """
        return cls(lambda: (images, labels))

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def images(self) -> Tensor:
        """Normalised images, float (N, C, H, W), without augmentation, on the device of the model."""
        return self._sample[0]

    @property
    def labels(self) -> Tensor:
        """The class of each image, int64 (N,), on the device of the model.

        Of several labels, it is the first; -1 for an image without labels.
        """
        return self._sample[1]

    @cached_property
    def _sample(self) -> tuple[Tensor, Tensor]:
        return self._read()


def background_of(
    training: Callable[[], Split], info: DataInfo, inputs: Callable[[Tensor], Tensor], seed: int, advice: str = ""
) -> Background:
    """Return a background of the images of a run.

    Args:
        training: Opens the training images.
        info: Input size and framing.
        inputs: Returns uint8 images (N, C, H, W) as model inputs.
        seed: The seed of the run.
        advice: What to do if the training images cannot be opened.

    Returns:
        The background. If its images cannot be read, their first use raises `DataError`.
    """

    def read() -> tuple[Tensor, Tensor]:
        try:
            split = framed(training(), info)
            chosen = permutation(len(split), "background images", seed)[:LARGEST]
            sample = materialize(split, chosen.tolist())
        except CvkitError as error:
            what = f"training images are needed as background samples, and could not be read: {error}"
            raise DataError(f"{what}. {advice}" if advice else what) from error
        images = inputs(sample.images)
        unlabelled = info.labels.targets(sample.labels, info.num_classes).sum(dim=1) == 0
        return images, info.labels.class_of(sample.labels).masked_fill(unlabelled, -1).to(images.device)

    return Background(read)


def no_background() -> Background:
    """Return a background for callers without training images; its first use raises `RunError`."""

    def read() -> tuple[Tensor, Tensor]:
        raise RunError("background samples are needed, and there are no training images")

    return Background(read)
