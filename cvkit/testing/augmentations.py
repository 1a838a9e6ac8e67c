"""The checks of augmentations: for batches, or for single images if an augmentation is declared ``per_sample``."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from ..batch_division import Divided, GlobalBatch, Share, during
from ..data.framing import Framing
from ..data.pixel_moves import MovesPixels, gathered
from ..data.splits import DataInfo
from ..kinds import KINDS
from ..tasks import MULTI_LABEL
from .contract import promise
from .sample_parts import sample_images, sample_info, sample_label_sets, sample_labels, seeded
from .suite import Suite

_SEEDS = range(8)
"""The random seeds that are tried before a check concludes that an augmentation never does something."""

_SIZES = ((300, 17), (17, 300), (90, 120), (8, 8))
"""Heights and widths of photos: tall, wide, usual, and smaller than the input of most models."""


class AugmentationSuite(Suite):
    """The checks that every augmentation must pass.

    Attributes:
        info: Channels, size and classes of the data, by default 3x32x32 and 10 classes.
        per_sample: Whether `factory` returns an augmentation of one image, uint8 (C, H, W), instead of a batch of
            floats. For a `component`, its declaration determines this.
        mixes: Whether `factory` returns an augmentation of a batch and its targets. For a `component`, its
            declaration determines this.
    """

    kind = KINDS["augmentations"]
    info: DataInfo = sample_info()
    per_sample: bool = False
    mixes: bool = False

    def supplied(self) -> tuple[DataInfo]:
        """Return the information about the data set."""
        return (self.info,)

    @property
    def _one_by_one(self) -> bool:
        return self.per_sample or self.entry.component.per_sample

    @property
    def _mixing(self) -> bool:
        return self.mixes or self.entry.component.mixes

    def _targets(self, count: int) -> Tensor:
        """Return targets (count, K): labels that cycle through the classes, some of them already mixed."""
        targets = one_hot(sample_labels(self.info, count), self.info.num_classes).float()
        targets[1::2] = 0.75 * targets[1::2] + 0.25 * targets[1::2].roll(1, dims=1)
        return targets

    def _mix(
        self, augmentation: Callable[..., Any], images: Tensor, targets: Tensor, seed: int
    ) -> tuple[Tensor, Tensor]:
        with seeded(seed):
            mixed, soft = augmentation(images, targets)
        return mixed, soft

    def _images(self) -> Tensor:
        """Return the input of the augmentation: uint8 images for single images, else floats in [0, 1]."""
        images = sample_images(self.info, 8)
        return images if self._one_by_one else images / 255

    def _augment(self, augmentation: Callable[..., Any], images: Tensor, seed: int = 0) -> Tensor:
        """Augment images with seeded generators, as a batch or one by one, without the targets of a mixed batch."""
        if self._mixing:
            return self._mix(augmentation, images, self._targets(len(images)), seed)[0]
        with seeded(seed):
            if not self._one_by_one:
                made: Tensor = augmentation(images)
                return made
            return torch.stack([augmentation(image) for image in images])

    def test_shape(self) -> None:
        """The shape of the images does not change."""
        with promise("every augmentation keeps the shape of the images") as broken:
            images = self._images()
            if (shape := self._augment(self.build(), images).shape) != images.shape:
                broken(f"{tuple(images.shape)} became {tuple(shape)}")

    def test_dtype(self) -> None:
        """Batches stay float32, and single images stay uint8."""
        with promise("every augmentation keeps the dtype of the images") as broken:
            images = self._images()
            if (dtype := self._augment(self.build(), images).dtype) != images.dtype:
                broken(f"{images.dtype} became {dtype}")

    def test_range(self) -> None:
        """Pixels stay in the range of their type: [0, 1], or [0, 255] for uint8."""
        top = 255 if self._one_by_one else 1
        with promise(f"every augmentation returns finite pixels in [0, {top}]") as broken:
            augmentation, images = self.build(), self._images()
            for seed in _SEEDS:
                out = self._augment(augmentation, images, seed)
                low, high = float(out.min()), float(out.max())
                # NaN fails both comparisons. Interpolation may exceed the range by rounding errors.
                if not (low >= -1e-5 and high <= top + 1e-5):
                    broken(f"pixels from {low:g} to {high:g}", f"Clamp them to [0, {top}]")

    def test_input_kept(self) -> None:
        """The input images are not modified."""
        with promise("an augmentation does not modify its input images") as broken:
            augmentation, images = self.build(), self._images()
            before = images.clone()
            for seed in _SEEDS:
                self._augment(augmentation, images, seed)
                if not torch.equal(images, before):
                    broken("it writes to them", "Work on a clone")

    def test_seeded(self) -> None:
        """The same global seed results in the same images, regardless of earlier draws."""
        with promise("the result of an augmentation depends only on the images and the global seed") as broken:
            augmentation, images = self.build(), self._images()
            first = self._augment(augmentation, images, seed=1)
            self._augment(augmentation, images, seed=2)
            if not torch.equal(self._augment(augmentation, images, seed=1), first):
                broken("the same seed resulted in other images", "Use the global generators, and keep no state")

    def test_samples_differ(self) -> None:
        """Each image of a batch is augmented differently. Mixing may use one draw for the batch."""
        if self._mixing:
            return
        with promise("every augmentation augments the images of a batch differently") as broken:
            augmentation, images = self.build(), self._images()[:1].repeat(8, 1, 1, 1)
            batches = (self._augment(augmentation, images, seed) for seed in _SEEDS)
            if all(torch.equal(batch, batch[:1].expand_as(batch)) for batch in batches):
                broken(
                    f"8 copies of an image were augmented equally in {len(_SEEDS)} batches", "Draw a number per image"
                )

    def test_changes(self) -> None:
        """The augmentation changes images."""
        with promise("every augmentation changes images at least sometimes") as broken:
            augmentation, images = self.build(), self._images()
            if all(torch.equal(self._augment(augmentation, images, seed), images) for seed in _SEEDS):
                broken(f"{len(_SEEDS)} batches were not changed")

    def test_identity_at_zero(self) -> None:
        """With ``p: 0``, if there is such an option, images are not changed."""
        if "p" not in self.entry.signature().options:
            return
        with promise("an augmentation with an option `p` changes nothing with p: 0") as broken:
            augmentation, images = self._with(p=0.0), self._images()
            for seed in _SEEDS:
                out = self._augment(augmentation, images, seed)
                if not torch.allclose(out.float(), images.float(), rtol=0, atol=1e-6):
                    broken(f"pixels differ by up to {float((out.float() - images.float()).abs().max()):.3g}")

    def test_targets(self) -> None:
        """If the augmentation mixes, targets stay shares of the classes: not negative, with a sum of 1 per image."""
        if not self._mixing:
            return
        with promise("a mixing augmentation returns targets (B, K) of at least 0, with rows of sum 1") as broken:
            augmentation, images, targets = self.build(), self._images(), self._targets(8)
            for seed in _SEEDS:
                _, soft = self._mix(augmentation, images, targets, seed)
                if soft.shape != targets.shape or soft.dtype != targets.dtype:
                    broken(f"{targets.dtype} {tuple(targets.shape)} became {soft.dtype} {tuple(soft.shape)}")
                low, sums = float(soft.min()), soft.sum(dim=1)
                if not (low >= -1e-6 and torch.allclose(sums, torch.ones_like(sums), atol=1e-5)):  # NaN fails too
                    broken(f"the lowest target is {low:.3g}, and rows sum to {float(sums.min()):.4g} or more")

    def test_label_sets(self) -> None:
        """If the augmentation mixes and supports ``multi_label``, targets of sets stay within [0, 1]."""
        if not self._mixing or MULTI_LABEL.name not in self.supported:
            return
        with promise("a mixing augmentation for multi_label returns targets (B, K) in [0, 1] for sets") as broken:
            augmentation, images, targets = self.build(), self._images(), sample_label_sets(self.info, 8)
            for seed in _SEEDS:
                _, soft = self._mix(augmentation, images, targets, seed)
                low, high = float(soft.min()), float(soft.max())
                if soft.shape != targets.shape or not (low >= -1e-6 and high <= 1 + 1e-6):  # NaN fails too
                    broken(f"{tuple(soft.shape)} from {low:.3g} to {high:.3g}")
                if float(soft[:, targets.sum(dim=0) == 0].sum()) > 0:
                    broken("a label that no image of the batch has got a share")

    def test_targets_mixed(self) -> None:
        """If the augmentation mixes, it changes targets at least sometimes: its images have several labels."""
        if not self._mixing:
            return
        with promise("every mixing augmentation changes targets at least sometimes") as broken:
            augmentation, images, targets = self.build(), self._images(), self._targets(8)
            if all(torch.equal(self._mix(augmentation, images, targets, seed)[1], targets) for seed in _SEEDS):
                broken(f"the targets of {len(_SEEDS)} batches were not changed", "Declare it without mixes=True")

    def test_targets_kept(self) -> None:
        """If the augmentation mixes, the given targets are not modified."""
        if not self._mixing:
            return
        with promise("a mixing augmentation does not modify the targets that it is given") as broken:
            augmentation, images, targets = self.build(), self._images(), self._targets(8)
            for seed in _SEEDS:
                self._mix(augmentation, images, targets, seed)
                if not torch.equal(targets, self._targets(8)):
                    broken("it writes to them", "Work on a clone")

    def test_targets_seeded(self) -> None:
        """If the augmentation mixes, the same global seed results in the same targets."""
        if not self._mixing:
            return
        with promise("the targets of a mixing augmentation depend only on its input and the global seed") as broken:
            augmentation, images, targets = self.build(), self._images(), self._targets(8)
            first = self._mix(augmentation, images, targets, 1)[1]
            self._mix(augmentation, images, targets, 2)
            if not torch.equal(self._mix(augmentation, images, targets, 1)[1], first):
                broken("the same seed resulted in other targets", "Use the global generators, and keep no state")

    def test_targets_at_zero(self) -> None:
        """If the augmentation mixes, targets are not changed with ``p: 0``, if there is such an option."""
        if not self._mixing or "p" not in self.entry.signature().options:
            return
        with promise("a mixing augmentation with an option `p` keeps targets with p: 0") as broken:
            augmentation, images, targets = self._with(p=0.0), self._images(), self._targets(8)
            if not all(torch.equal(self._mix(augmentation, images, targets, seed)[1], targets) for seed in _SEEDS):
                broken("targets were changed")

    def _with(self, **options: Any) -> Callable[..., Any]:
        built: Callable[..., Any] = self.entry.build(*self.supplied(), **{**self._accepted_options(), **options})
        return built

    def test_memory_format(self) -> None:
        """Images in channels-last memory format give the same result."""
        with promise("every augmentation accepts images in channels-last memory format") as broken:
            augmentation, images = self.build(), self._images()
            expected = self._augment(augmentation, images)
            got = self._augment(augmentation, images.contiguous(memory_format=torch.channels_last))
            if not torch.allclose(got.float(), expected.float(), atol=1e-5):
                broken(f"pixels then differ by up to {float((got.float() - expected.float()).abs().max()):.3g}")

    def test_batch_of_one(self) -> None:
        """A batch may contain a single image, for example as the last batch of an epoch."""
        with promise("every augmentation accepts a batch of one image") as broken:
            shape = self._augment(self.build(), self._images()[:1]).shape
            if shape != self._images()[:1].shape:
                broken(f"the result has the shape {tuple(shape)}")

    def test_rows(self) -> None:
        """With ``draws_globally``, an image is augmented alike, whichever of several processes has it."""
        if self._one_by_one or self._mixing or not getattr(self.build(), "draws_globally", False):
            return
        with promise(
            "an augmentation with draws_globally augments an image alike in any number of processes"
        ) as broken:
            augmentation, images = self.build(), self._images()  # each process builds it with the same seed
            whole = self._augment(copy.deepcopy(augmentation), images)
            for size in (2, 3, len(images) + 1):
                for rank in range(size):
                    rows = Share(rank, size).rows
                    with during(Divided(GlobalBatch(len(images), rows), lambda own: own)):
                        made = self._augment(copy.deepcopy(augmentation), images[rows])
                    if not torch.equal(made, whole[rows]):
                        broken(
                            f"process {rank} of {size} has other images",
                            "Draw for `total` images of cvkit.global_batch, and use its `rows`",
                        )

    def test_pixel_moves(self) -> None:
        """With ``pixel_moves``, the moved pixels and the drawn numbers are those of a call."""
        augmentation: Any = self.build()
        moving = augmentation.pixel_moves if isinstance(augmentation, MovesPixels) else None
        if self._one_by_one or self._mixing or moving is None:
            return
        with promise("pixel_moves draws what a call draws, and moves the pixels that a call moves") as broken:
            images = self._images()
            batch, channels, height, width = images.shape
            for seed in _SEEDS:
                with seeded(seed):
                    expected, drawn_next = augmentation(images), torch.rand(())
                with seeded(seed):
                    moves = moving((batch, channels, height, width), images.device)
                    if moves is None:  # then it draws nothing, and is called
                        augmentation(images)
                    same_draws = torch.equal(torch.rand(()), drawn_next)
                if not same_draws:
                    broken("the random generator is in another state after it", "Draw the same numbers in both")
                if moves is not None and not torch.equal(gathered(images, *moves), expected):
                    broken("the pixels that it moves are not those of a call")

    def test_any_size(self) -> None:
        """With a framing, an augmentation of single images accepts images of any size."""
        if not self._one_by_one:
            return
        with promise("an augmentation of single images accepts images of any size if there is a framing") as broken:
            info = replace(self.info, framing=Framing().resolved(None))
            augmentation = self.build(info)
            for height, width in _SIZES:
                image = sample_images(replace(info, height=height, width=width), 1)[0]
                for seed in _SEEDS:
                    with seeded(seed):
                        output = augmentation(image)
                    if output.dtype != torch.uint8 or output.ndim != 3 or len(output) != len(image):
                        broken(
                            f"an image {tuple(image.shape)} became {output.dtype} {tuple(output.shape)}",
                            "Return uint8 (C, H, W) with the same channels",
                        )

    def test_copies(self) -> None:
        """A copy returns the same images. Tuners copy augmentations, and copies are sent to workers."""
        way = "pickled copy" if self._one_by_one else "deep copy"
        with promise(f"a {way} of an augmentation returns the same images") as broken:
            augmentation, images = self.build(), self._images()
            expected = self._augment(augmentation, images)
            copied = pickle.loads(pickle.dumps(augmentation)) if self._one_by_one else copy.deepcopy(augmentation)  # noqa: S301  # what was pickled right here
            if not torch.equal(self._augment(copied, images), expected):
                broken("the same seed resulted in other images")
