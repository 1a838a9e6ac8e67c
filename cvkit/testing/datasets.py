"""What every data set must do: what sources, the loader's workers, metrics and resuming rely on."""

from __future__ import annotations

import pickle
import tempfile
from functools import cache
from pathlib import Path

import torch
from torch import Tensor

from ..data.loading import materialize
from ..data.splits import Split, Splits, TensorSplit
from ..kinds import KINDS
from .network import without_network
from .sample_parts import seeded
from .suite import Fail, Suite, promise

_LOOKED_AT = 200
"""Images of a half that are looked at, spread over all of it."""


class DatasetSuite(Suite):
    """The checks that every data set must pass; `root` is the data folder, by default an empty one.

    Where data must be fetched first, set `root` to a folder that holds it, or skip the class where there is none.
    """

    kind = KINDS["datasets"]
    root: Path | None = None

    def supplied(self) -> tuple[Path]:
        """Return the data folder."""
        return (self.root or Path(_empty_folder().name),)

    def _splits(self, seed: int = 0) -> Splits:
        """Open the data set, whatever the global generators say."""
        with promise("every data set is opened as Splits, neither half of them empty") as broken:
            with seeded(seed):
                splits = self.build()
            if not isinstance(splits, Splits):
                broken(f"the factory returned {type(splits).__name__}")
            for half in ("train", "test"):
                if len(getattr(splits, half)) == 0:
                    broken(f"there are no {half} images")
        return splits

    def test_splits(self) -> None:
        """It opens as two halves, both with images."""
        self._splits()

    def test_offline(self) -> None:
        """Opening it, and reading images, asks no network for anything: `cvkit data fetch` does that."""
        with promise("a data set that is in the data folder is opened and read without a network") as broken:
            with without_network() as tried:
                try:
                    splits = self._splits()
                    materialize(splits.train, [0])
                except Exception as error:
                    if not tried:
                        raise error
            if tried:
                broken(
                    f"it asked for {tried[0]}",
                    "Fetch in the factory's `fetch`, and set `root` to a folder that has it",
                )

    def test_classes(self) -> None:
        """There are two classes or more, each with a name of its own."""
        with promise("a data set has two classes or more, each with a name of its own") as broken:
            classes = self._splits().info.classes
            if len(classes) < 2 or len(set(classes)) < len(classes) or not all(isinstance(c, str) for c in classes):
                broken(f"info.classes is {classes!r}")

    def test_labels(self) -> None:
        """Labels are whole numbers that index the classes."""
        with promise("labels are integers from 0 to one less than the number of classes") as broken:
            splits = self._splits()
            for half, split in _halves(splits):
                for index in _spread(split):
                    label = split[index][1]
                    if not isinstance(label, int) or not 0 <= label < splits.info.num_classes:
                        broken(f"{half} image {index} has label {label!r} of {splits.info.num_classes} classes")
                if isinstance(split, TensorSplit) and split.labels.dtype != torch.int64:
                    broken(
                        f"the labels of the {half} half are {split.labels.dtype}", "Make them int64: labels.long()"
                    )

    def test_images(self) -> None:
        """Every image is uint8 (C, H, W), of the one size that `info` gives."""
        with promise("every image is uint8 (C, H, W), of the size that info gives") as broken:
            splits = self._splits()
            info = splits.info
            for half, split in _halves(splits):
                for index in _spread(split):
                    _require_image(
                        broken, split[index][0], (info.channels, info.height, info.width), f"{half} {index}"
                    )

    def test_masks(self) -> None:
        """Masks, where there are any, are bool (N, H, W), one for each image."""
        with promise("masks are bool (N, H, W), one for each image") as broken:
            for half, split in _halves(self._splits()):
                if not isinstance(split, TensorSplit) or (masks := split.masks) is None:
                    continue
                if masks.dtype != torch.bool or masks.shape != split.images[:, 0].shape:
                    broken(f"{half} masks {masks.dtype} {tuple(masks.shape)} of images {tuple(split.images.shape)}")

    def test_stable(self) -> None:
        """An index names the same image and label each time it is asked, and each time the set is opened."""
        with promise("an index names the same image each time, and each time the data set is opened") as broken:
            first, again = self._splits(seed=1), self._splits(seed=2)
            for (half, split), (_, other) in zip(_halves(first), _halves(again), strict=True):
                if len(split) != len(other):
                    broken(f"the {half} half has {len(split)} images, and {len(other)} when opened again")
                for index in _spread(split):
                    if not _same(split[index], split[index]):
                        broken(f"{half} image {index} is another when asked again", "Leave chance to augmentations")
                    if not _same(split[index], other[index]):
                        broken(f"{half} image {index} is another when opened again", "Sort files; seed with derive")

    def test_digest(self) -> None:
        """The digest is the same each time the set is opened: a run is continued only on the same one."""
        with promise("the digest of a data set is the same text each time it is opened") as broken:
            one, other = (self._splits(seed).digest for seed in (1, 2))
            if not isinstance(one, str) or one != other:
                broken(f"{one!r}, then {other!r}", "Derive it from the content and the options")

    def test_statistics(self) -> None:
        """`info.mean` and `info.std` have a value for each channel, and are roughly those of the training images."""
        with promise(
            "mean and std of info are, per channel, roughly those of the training images in [0, 1]"
        ) as broken:
            splits = self._splits()
            info = splits.info
            if not len(info.mean) == len(info.std) == info.channels:
                broken(f"{len(info.mean)} means and {len(info.std)} deviations for {info.channels} channels")
            images = materialize(splits.train, _spread(splits.train)).images / 255
            means, deviations = images.mean(dim=(0, 2, 3)).tolist(), images.std(dim=(0, 2, 3)).tolist()
            for channel, (mean, std) in enumerate(zip(info.mean, info.std, strict=True)):
                # Loose, as many sets are normalised by ImageNet's figures, and only some images are looked at.
                if (
                    abs(mean - means[channel]) > 0.3
                    or not deviations[channel] / 4 < std < max(deviations[channel], 0.01) * 4
                ):
                    broken(
                        f"channel {channel} has mean {means[channel]:.3f} and std {deviations[channel]:.3f}, "
                        f"info says {mean:.3f} and {std:.3f}",
                        "They are of pixels in [0, 1]",
                    )

    def test_workers(self) -> None:
        """A split can be sent to the loader's workers: pickled, it gives the same images."""
        with promise("a split can be pickled, as it is sent to the loader's worker processes") as broken:
            for half, split in _halves(self._splits()):
                sent = pickle.loads(pickle.dumps(split))  # noqa: S301  # what was pickled right here
                if not _same(sent[0], split[0]):
                    broken(f"the {half} half then gives another image 0")


@cache
def _empty_folder() -> tempfile.TemporaryDirectory[str]:
    """Return a folder that is removed when the session ends."""
    return tempfile.TemporaryDirectory(prefix="cvkit-testing-")


def _halves(splits: Splits) -> tuple[tuple[str, Split], tuple[str, Split]]:
    return ("train", splits.train), ("test", splits.test)


def _spread(split: Split) -> list[int]:
    """Return indices from the first image to the last, at most `_LOOKED_AT`."""
    return torch.linspace(0, len(split) - 1, min(len(split), _LOOKED_AT)).long().tolist()


def _require_image(broken: Fail, image: object, shape: tuple[int, int, int], where: str) -> None:
    if not isinstance(image, Tensor):
        broken(f"{where} is a {type(image).__name__}", "Return a tensor: torch.from_numpy(np.array(image))")
    if image.dtype != torch.uint8 or tuple(image.shape) != shape:
        broken(f"{where} is {image.dtype} {tuple(image.shape)}, and info says uint8 {shape}")


def _same(one: tuple[Tensor, int], other: tuple[Tensor, int]) -> bool:
    return torch.equal(one[0], other[0]) and one[1] == other[1]
