"""The checks of data sets, as required by data loading, worker processes, metrics and resuming."""

from __future__ import annotations

import pickle
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..data.labels import soft_labels_of, weights_of
from ..data.splits import DataInfo, Split, Splits, TensorSplit
from ..kinds import KINDS
from ..recipe import read_any, resolve
from ..signatures.nested import nests_one, nests_several
from ..signatures.signature import Option
from ..tasks import SINGLE_LABEL
from .contract import Fail, promise
from .entries import installed_catalog
from .network import without_network
from .sample_parts import seeded
from .suite import Suite

_LOOKED_AT = 200
"""The maximum number of images of a split that are checked; they are spread over the split."""


class DatasetSuite(Suite):
    """The checks that every data set must pass.

    An option that is another data set is given as in a recipe: a name, or a mapping of `name` and options.

    If the data must be fetched first, set `root` to a folder that contains them, or skip the class if there is none.

    Attributes:
        root: The data folder; None for an empty folder.
        soft_labels: Whether the training images of `factory` have soft labels. For a `component`, its declaration
            determines this.
    """

    kind = KINDS["datasets"]
    root: Path | None = None
    soft_labels: bool = False

    def supplied(self) -> tuple[Path]:
        """Return the data folder."""
        return (self.root or Path(_empty_folder().name),)

    def _accepted(self, value: Any, option: Option) -> Any:
        """Return the value of an option; a data set in it is given as in a recipe, and opened in `root`."""
        if nests_several(option.type):
            return tuple(self._opened(one) for one in value)
        return self._opened(value) if nests_one(option.type) else super()._accepted(value, option)

    def _opened(self, part: Any) -> Splits:
        catalog = installed_catalog() if self.catalog is None else self.catalog
        # A recipe is checked with its loss, and this one supports every task and soft labels.
        rest = {"model": "resnet/custom_resnet", "optimizer": "torch/sgd", "loss": "torch/bce"}
        made: Splits = resolve(read_any({"dataset": part, **rest}), catalog).dataset.build(*self.supplied())
        return made

    def _splits(self, seed: int = 0) -> Splits:
        """Open the data set; the seed of the global generators must not matter."""
        with promise(
            "every data set returns Splits with training images, and with validation or test images"
        ) as broken:
            with seeded(seed):
                splits = self.build()
            if not isinstance(splits, Splits):
                broken(f"the factory returned {type(splits).__name__}")
            if not splits.halves:
                broken("there are neither validation nor test images")
            for half, split in _halves(splits):
                if len(split) == 0:
                    broken(f"there are no {half} images")
        return splits

    def test_splits(self) -> None:
        """The data set has training images, and validation or test images."""
        self._splits()

    def test_offline(self) -> None:
        """Opening the data set and reading images uses no network; only `cvkit data fetch` may use it."""
        with promise("a data set in the data folder is opened and read without a network") as broken:
            with without_network() as tried:
                try:
                    splits = self._splits()
                    _ = splits.train[0]
                except Exception as error:
                    if not tried:
                        raise error
            if tried:
                broken(
                    f"it tried to connect to {tried[0]}",
                    "Download in the factory's `fetch`, and set `root` to a folder that contains the data",
                )

    def test_classes(self) -> None:
        """There are at least two classes with unique names, or one label if the task is ``multi_label``."""
        with promise(
            "a data set has at least two classes, or one label for multi_label, with unique names"
        ) as broken:
            info = self._splits().info
            classes, least = info.classes, 2 if info.task == SINGLE_LABEL.name else 1
            if (
                len(classes) < least
                or len(set(classes)) < len(classes)
                or not all(isinstance(c, str) for c in classes)
            ):
                broken(f"info.classes is {classes!r}")

    def test_labels(self) -> None:
        """Labels are integers that index the classes, or sets of labels if the task is ``multi_label``."""
        with promise("labels are integers from 0 to K - 1, or sets of K numbers for multi_label") as broken:
            splits = self._splits()
            info = splits.info
            if info.task not in self.supported:
                broken(f"DataInfo.task is {info.task}", "Declare it: Component(..., tasks=(...))")
            for half, split in _halves(splits):
                for index in _spread(split):
                    label = split[index][1]
                    single = info.task == SINGLE_LABEL.name
                    if info.labels.checked(label, info.num_classes) is None or (
                        single and not isinstance(label, int)
                    ):
                        expected = info.labels.expected(info.num_classes)
                        broken(f"{half} image {index} has label {label!r}; expected {expected}")
                dtype, shape = info.labels.in_memory(len(split), info.num_classes)
                if isinstance(split, TensorSplit) and (split.labels.dtype, split.labels.shape) != (dtype, shape):
                    broken(f"the {half} labels are {split.labels.dtype}", f"Convert them to {dtype}, {shape}")

    def test_weights(self) -> None:
        """Weights, if there are any, are a finite number of at least 0 for each image, and not only 0."""
        with promise("weights are a finite number of at least 0 for each image") as broken:
            for half, split in _halves(self._splits()):
                try:
                    weights_of(split)
                except ValueError as error:
                    broken(f"the split of {half} images {error}")

    def test_soft_labels(self) -> None:
        """Training images have soft labels if the component declares it: shares of the classes with a sum of 1."""
        declared = self.soft_labels or self.entry.component.soft_labels
        contract = "training images have soft labels (N, K), with a sum of 1 each, if the component declares them"
        with promise(contract) as broken:
            splits = self._splits()
            try:
                found = soft_labels_of(splits.train, splits.info.num_classes)
            except ValueError as error:
                broken(f"the split of training images {error}")
            if declared and found is None:
                broken("they have no attribute soft_labels", "Add it, or declare the component without soft_labels")
            if found is not None and not declared:
                broken("they have soft labels, which are not declared", "Declare it with soft_labels=True")

    def test_images(self) -> None:
        """Every image is uint8 (C, H, W), of the size in `info` unless that has a framing."""
        with promise("every image is uint8 (C, H, W), of the size in info unless that has a framing") as broken:
            splits = self._splits()
            info = splits.info
            for half, split in _halves(splits):
                for index in _spread(split):
                    _require_image(broken, split[index][0], info, f"{half} {index}")

    def test_masks(self) -> None:
        """Masks, if there are any, are bool (N, H, W), one per image; bool (N, K, H, W) for sets of labels."""
        with promise("masks are bool (N, H, W), one per image, or (N, K, H, W) for sets of labels") as broken:
            splits = self._splits()
            objects = splits.info.labels.masked(splits.info.num_classes)
            for half, split in _halves(splits):
                if not isinstance(split, TensorSplit) or (masks := split.masks) is None:
                    continue
                expected = (len(split), *objects, *split.images.shape[2:])
                if masks.dtype != torch.bool or masks.shape != expected:
                    broken(f"{half} masks {masks.dtype} {tuple(masks.shape)} for images {tuple(split.images.shape)}")

    def test_stable(self) -> None:
        """An index always returns the same image and label, also after the data set is opened again."""
        with promise("an index always returns the same image, also after the data set is opened again") as broken:
            first, again = self._splits(seed=1), self._splits(seed=2)
            for (half, split), (_, other) in zip(_halves(first), _halves(again), strict=True):
                if len(split) != len(other):
                    broken(f"there are {len(split)} {half} images, but {len(other)} after opening again")
                for index in _spread(split):
                    if not _same(split[index], split[index]):
                        broken(
                            f"{half} image {index} changes when it is read again", "Leave randomness to augmentations"
                        )
                    if not _same(split[index], other[index]):
                        broken(f"{half} image {index} changes when opened again", "Sort the files; seed with derive")

    def test_digest(self) -> None:
        """The digest is the same each time the data set is opened, because resuming requires the same data."""
        with promise("the digest of a data set is the same string each time it is opened") as broken:
            one, other = (self._splits(seed).digest for seed in (1, 2))
            if not isinstance(one, str) or one != other:
                broken(f"{one!r}, then {other!r}", "Compute it from the content and the options")

    def test_statistics(self) -> None:
        """`info.mean` and `info.std` have a value per channel that is close to the training images'."""
        with promise(
            "info.mean and info.std are close to the values of the training images in [0, 1], per channel"
        ) as broken:
            splits = self._splits()
            info = splits.info
            if not len(info.mean) == len(info.std) == info.channels:
                broken(f"{len(info.mean)} means and {len(info.std)} standard deviations for {info.channels} channels")
            means, deviations = _statistics([splits.train[index][0] for index in _spread(splits.train)])
            for channel, (mean, std) in enumerate(zip(info.mean, info.std, strict=True)):
                # The tolerance is large: many data sets use ImageNet's values, and only some images are checked.
                if (
                    abs(mean - means[channel]) > 0.3
                    or not deviations[channel] / 4 < std < max(deviations[channel], 0.01) * 4
                ):
                    broken(
                        f"channel {channel} has mean {means[channel]:.3f} and std {deviations[channel]:.3f}, "
                        f"but info contains {mean:.3f} and {std:.3f}",
                        "Compute them from pixels in [0, 1]",
                    )

    def test_workers(self) -> None:
        """A split can be sent to worker processes: after pickling, it returns the same images."""
        with promise("a split can be pickled, because it is sent to worker processes") as broken:
            for half, split in _halves(self._splits()):
                sent = pickle.loads(pickle.dumps(split))  # noqa: S301  # what was pickled right here
                if not _same(sent[0], split[0]):
                    broken(f"a pickled copy of the {half} split returns another image 0")


@cache
def _empty_folder() -> tempfile.TemporaryDirectory[str]:
    """Return a folder that is removed at the end of the session."""
    return tempfile.TemporaryDirectory(prefix="cvkit-testing-")


def _halves(splits: Splits) -> list[tuple[str, Split]]:
    return [("train", splits.train), *((half, splits.half(half)) for half in splits.halves)]


def _statistics(images: list[Tensor]) -> tuple[list[float], list[float]]:
    """Return the mean and the standard deviation of each channel of images (C, H, W) of any size, in [0, 1]."""
    total = torch.zeros(2, len(images[0]), dtype=torch.float64)
    for image in images:  # one by one, because photos are large
        pixels = image.flatten(1).double() / 255
        total += torch.stack([pixels.sum(dim=1), (pixels**2).sum(dim=1)])
    mean, square = total / sum(image[0].numel() for image in images)
    return mean.tolist(), (square - mean**2).clamp(min=0).sqrt().tolist()


def _spread(split: Split) -> list[int]:
    """Return up to `_LOOKED_AT` indices, spread from the first image to the last."""
    return torch.linspace(0, len(split) - 1, min(len(split), _LOOKED_AT)).long().tolist()


def _require_image(broken: Fail, image: object, info: DataInfo, where: str) -> None:
    if not isinstance(image, Tensor):
        broken(f"{where} has the type {type(image).__name__}", "Return a tensor: torch.from_numpy(np.array(image))")
    shape, given = (info.channels, info.height, info.width), tuple(image.shape)
    fits = given == shape if info.framing is None else len(given) == 3 and given[0] == shape[0] and 0 not in given
    if image.dtype != torch.uint8 or not fits:
        required = shape if info.framing is None else f"({info.channels}, H, W)"
        broken(f"{where} is {image.dtype} {given}, but info requires uint8 {required}")


def _same(one: tuple[Tensor, Any], other: tuple[Tensor, Any]) -> bool:
    return torch.equal(one[0], other[0]) and torch.equal(*(torch.as_tensor(each[1]) for each in (one, other)))
