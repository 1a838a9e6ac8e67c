"""Score-CAM: channels weighted by the score of the image that shows through each; no gradient is needed."""

from __future__ import annotations

from functools import partial

import torch
from pydantic import PositiveInt
from torch import Tensor, nn
from torch.nn.functional import interpolate

from .cam import Cam
from .compat import CompatOfTwo
from .gradients import activation_at
from .layers import LayerCandidate
from .normalize import Normalization
from .targets import Targets


def score_cam(
    model: nn.Module,
    *,
    layer: str | None = None,
    normalize: Normalization = "max",
    compat: CompatOfTwo | None = None,
    chunk: PositiveInt = 64,
) -> Cam:
    """Build the Score-CAM explainer of `model`, which takes a forward pass for each image and channel of the layer.

    `layer`, `normalize` and `compat` are those of every method here, explained at `grad_cam`.
    `chunk`: how many images, masked ones too, go through the model at once; it bounds the memory needed.
    """
    return Cam("score_cam", partial(weighted_by_score, chunk=chunk), model, layer, normalize, chunk, compat)


def weighted_by_score(
    model: nn.Module, layer: LayerCandidate, images: Tensor, targets: Targets, *, chunk: int
) -> Tensor:
    """Return ``sum_k softmax_k(f(X * H_k)) A_k``, the signed maps (B, T, h, w).

    A: the layer's activations (B, c, h, w). H_k: channel k, resized to the image and stretched to [0, 1], zero where
    it is flat. f: a target's score. The softmax runs over the channels.
    Wang et al. 2020, "Score-CAM: Score-Weighted Visual Explanations for Convolutional Neural Networks", arXiv
    1910.01279, algorithm 1; the authors' code weights by the class's probability instead. The baseline's score that
    is subtracted there from every f drops out of the softmax.
    """
    activation = activation_at(model, layer, images)
    channels = activation.flatten(0, 1)[:, None]
    scores = []
    for pairs in torch.arange(len(channels), device=images.device).split(chunk):
        owners = pairs // activation.shape[1]
        masks = unit_range(interpolate(channels[pairs], images.shape[-2:], mode="bilinear", align_corners=False))
        scores.append(targets[owners].scores(model(images[owners] * masks.to(images.dtype))))
    weights = torch.cat(scores).reshape(*activation.shape[:2], -1).softmax(dim=1)
    return (weights.transpose(1, 2)[..., None, None] * activation[:, None]).sum(dim=2)


def unit_range(masks: Tensor) -> Tensor:
    """Stretch each mask (..., H, W) to [0, 1]; a flat one becomes zero."""
    low, high = masks.amin(dim=(-2, -1), keepdim=True), masks.amax(dim=(-2, -1), keepdim=True)
    return torch.where(high > low, (masks - low) / (high - low), 0.0)
