"""Occlusion: how much the score of a class falls when a patch of the image is covered. No gradient is needed."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from pydantic import PositiveInt
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d

from cvkit import DataInfo, eval_mode

from .attribution import Attribution
from .baselines import Plain, baseline_of
from .eager_mode import eager_mode
from .targets import Targets, require_targets

_ACROSS = 8  # patches side by side across the shorter side of an image, if no size is given


def occlusion(
    model: nn.Module,
    info: DataInfo | None = None,
    *,
    patch: PositiveInt | None = None,
    stride: PositiveInt | None = None,
    baseline: Plain = "mean",
    chunk: PositiveInt = 64,
) -> Occlusion:
    """Return the occlusion explainer of `model`, which needs a forward pass for each patch: 225 with the defaults.

    A pixel is positive if the logit falls when patches over it are covered, and negative if the logit rises. The
    method works for every model, also without gradients. Maps are averaged over a square of about the stride, so that
    patches leave no steps in them.
    Source: Zeiler & Fergus 2014, "Visualizing and Understanding Convolutional Networks", arXiv 1311.2901, section 4.

    Args:
        model: Classifier from images (B, C, H, W) to logits (B, K).
        info: Mean and standard deviation of the data, for the baseline ``black``.
        patch: Side of the square patch in pixels, at least 1; null for an eighth of the shorter side of the image.
        stride: Distance between patches in pixels, at least 1 and at most `patch`; null for half of the patch. A
            smaller stride gives finer maps and takes more forward passes.
        baseline: What covers the patch: ``mean`` is the mean colour of the data set, ``black`` is black, and ``blur``
            is the image, blurred by an eighth of its shorter side.
        chunk: Covered images that go through the model at once, at least 1; it limits the memory.

    Returns:
        A callable from images (B, C, H, W) and targets (B,) to maps (B, H, W) in [-1, 1].

    Raises:
        ValueError: `stride` is larger than `patch`.
    """
    if patch is not None and stride is not None and stride > patch:
        raise ValueError(f"stride is {stride} and patch is {patch}: pixels between patches would have no value")
    return Occlusion(model, patch, stride, baseline, info, chunk)


class Occlusion:
    """Explain a class logit by covering patches of the image.

    The arguments are those of `occlusion`. Source: Zeiler & Fergus 2014, arXiv 1311.2901, section 4.
    """

    def __init__(
        self,
        model: nn.Module,
        patch: int | None = None,
        stride: int | None = None,
        baseline: Plain = "mean",
        info: DataInfo | None = None,
        chunk: int = 64,
    ) -> None:
        self.model, self.patch, self.stride, self.chunk = model, patch, stride, chunk
        self._baseline = baseline_of(baseline, info)

    def __call__(self, images: Tensor, targets: Tensor) -> Tensor:
        """Return signed maps, float32 (B, [T,] H, W) in [-1, 1]; raise the errors of `explain`."""
        return self.explain(images, targets).maps

    def explain(self, images: Tensor, targets: Tensor, against: Tensor | None = None) -> Attribution:
        """Return what covering each pixel takes from the target logits, or from their difference to those `against`.

        `images` are normalised float (B, C, H, W); `targets` and `against` are int64 (B,) or (B, T). The model is
        explained in evaluation mode; its modes, weights, gradients and hooks do not change. Raises `RunError` if the
        targets do not fit the images or the classes of the model.
        """
        require_targets(images, targets, against)
        with eval_mode(self.model), eager_mode(), torch.no_grad():
            asked = Targets.of(targets, against)
            raw = torch.cat([self._falls(images[at : at + 1], asked[at : at + 1]) for at in range(len(images))])
            window = 2 * (self._sizes(images)[1] // 2) + 1
            smoothed = avg_pool2d(raw, window, stride=1, padding=window // 2, count_include_pad=False)
        return Attribution.of("occlusion", raw, targets, against, smoothed)

    def _sizes(self, images: Tensor) -> tuple[int, int]:
        """Return the side of the patch and the distance between patches."""
        patch = self.patch or max(self.stride or 1, min(images.shape[-2:]) // _ACROSS)
        return patch, self.stride or (patch + 1) // 2

    def _falls(self, image: Tensor, asked: Targets) -> Tensor:
        """Return the mean fall of the scores over all patches on each pixel, (1, T, H, W), of one image (1, C, H, W).

        Overlapping patches are averaged as in captum's `Occlusion`. At the border, patches are cut off.
        """
        cover, whole = self._baseline(image), asked.scores(self.model(image))
        total = whole.new_zeros(whole.shape[1], image.shape[-2:].numel())
        count = whole.new_zeros(image.shape[-2:].numel())
        for masks in self._masks(image):
            covered = self.model(torch.where(masks, cover, image))
            falls = whole - asked[masks.new_zeros(len(masks), dtype=torch.int64)].scores(covered)
            shares = masks.flatten(1).to(falls)
            total += falls.T @ shares
            count += shares.sum(dim=0)
        means: Tensor = (total / count).unflatten(-1, image.shape[-2:])
        return means[None]

    def _masks(self, image: Tensor) -> Iterator[Tensor]:
        """Yield the masks of the patches, bool (P, 1, H, W), with P at most `chunk`; together, they cover all."""
        patch, stride = self._sizes(image)
        rows, columns = (torch.arange(side, device=image.device) for side in image.shape[-2:])
        corners = torch.cartesian_prod(_starts(rows, patch, stride), _starts(columns, patch, stride))
        for top, left in (part.unbind(dim=1) for part in corners.split(self.chunk)):
            across = (columns >= left[:, None]) & (columns < left[:, None] + patch)
            down = (rows >= top[:, None]) & (rows < top[:, None] + patch)
            yield (down[:, :, None] & across[:, None, :])[:, None]


def _starts(places: Tensor, patch: int, stride: int) -> Tensor:
    """Return the first of the `places` of each patch along a side; the last patch reaches the end."""
    return places[: max(len(places) - patch, 0) + stride : stride]
