"""Mixup and CutMix: train on mixed pairs of images, with the same mixture of their labels as targets.

As in timm's ``Mixup``, one number is drawn for each batch, image i is paired with image B - 1 - i, and the draws come
from NumPy's global generator in the same order. Batches are in random order, so pairs are random too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import numpy as np
from pydantic import Field, NonNegativeInt, PositiveFloat
from torch import Tensor

from cvkit import progress

if TYPE_CHECKING:
    from cvkit import DataInfo

Probability = Annotated[float, Field(ge=0, le=1)]


def mixup(
    info: DataInfo, *, alpha: PositiveFloat = 0.8, p: Probability = 1.0, off_epochs: NonNegativeInt = 0
) -> Mixing:
    """Blend pairs of images, and their labels in the same proportion.

    Source: Zhang et al. 2018, "mixup: Beyond Empirical Risk Minimization".

    Args:
        info: Not used.
        alpha: The share of an image is drawn from Beta(alpha, alpha), above 0; higher values mix more.
        p: Probability with which a batch is mixed, in [0, 1].
        off_epochs: Number of epochs at the end of the run without mixing.

    Returns:
        An augmentation of images (B, C, H, W) and targets (B, K).
    """
    return Mixing(alpha, 0.0, p, 0.0, off_epochs)


def cutmix(
    info: DataInfo, *, alpha: PositiveFloat = 1.0, p: Probability = 1.0, off_epochs: NonNegativeInt = 0
) -> Mixing:
    """Replace a random rectangle of each image by that of another, and mix the labels in proportion to the areas.

    Source: Yun et al. 2019, "CutMix: Regularization Strategy to Train Strong Classifiers with Localizable Features".

    Args:
        info: Not used.
        alpha: The share of an image is drawn from Beta(alpha, alpha), above 0.
        p: Probability with which a batch is mixed, in [0, 1].
        off_epochs: Number of epochs at the end of the run without mixing.

    Returns:
        An augmentation of images (B, C, H, W) and targets (B, K).
    """
    return Mixing(0.0, alpha, p, 0.0, off_epochs)


def mixup_or_cutmix(
    info: DataInfo,
    *,
    mixup_alpha: PositiveFloat = 0.8,
    cutmix_alpha: PositiveFloat = 1.0,
    switch: Probability = 0.5,
    p: Probability = 1.0,
    off_epochs: NonNegativeInt = 0,
) -> Mixing:
    """Mix each batch by mixup or by cutmix, by chance.

    Args:
        info: Not used.
        mixup_alpha: The `alpha` of mixup, above 0.
        cutmix_alpha: The `alpha` of cutmix, above 0.
        switch: Probability of cutmix instead of mixup for a batch that is mixed, in [0, 1].
        p: Probability with which a batch is mixed, in [0, 1].
        off_epochs: Number of epochs at the end of the run without mixing.

    Returns:
        An augmentation of images (B, C, H, W) and targets (B, K).
    """
    return Mixing(mixup_alpha, cutmix_alpha, p, switch, off_epochs)


class Mixing:
    """Mixes a batch with its reverse, by mixup, cutmix or either. An alpha of 0 stands for the other method alone."""

    def __init__(self, mixup_alpha: float, cutmix_alpha: float, p: float, switch: float, off_epochs: int) -> None:
        self.mixup_alpha, self.cutmix_alpha = mixup_alpha, cutmix_alpha
        self.p, self.switch, self.off_epochs = p, switch, off_epochs

    def __call__(self, images: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        """Return mixed images and targets, or the given ones if this batch is not mixed."""
        if self._is_off() or np.random.rand() >= self.p:
            return images, targets
        cuts = np.random.rand() < self.switch if self.mixup_alpha and self.cutmix_alpha else not self.mixup_alpha
        alpha = self.cutmix_alpha if cuts else self.mixup_alpha
        share = float(np.random.beta(alpha, alpha))
        if cuts:
            mixed, share = _pasted(images, share)
        else:
            mixed = images * share + images.flip(0) * (1 - share)
        return mixed, targets * share + targets.flip(0) * (1 - share)

    def _is_off(self) -> bool:
        if not self.off_epochs:
            return False
        now = progress()
        return now.epoch >= now.epochs - self.off_epochs


def _pasted(images: Tensor, share: float) -> tuple[Tensor, float]:
    """Return images with a rectangle of their partners, and the share of the area that is left.

    The rectangle has about ``1 - share`` of the area. Its centre is uniform, and what lies outside is cut off.
    """
    height, width = images.shape[-2:]
    side = np.sqrt(1 - share)
    tall, wide = int(height * side), int(width * side)
    row, column = np.random.randint(0, height), np.random.randint(0, width)
    top, bottom = max(row - tall // 2, 0), min(row + (tall + 1) // 2, height)
    left, right = max(column - wide // 2, 0), min(column + (wide + 1) // 2, width)
    pasted = images.clone()
    pasted[:, :, top:bottom, left:right] = images.flip(0)[:, :, top:bottom, left:right]
    return pasted, 1 - (bottom - top) * (right - left) / (height * width)
