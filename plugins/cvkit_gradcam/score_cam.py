"""Score-CAM: each channel masks the image, and the score of the masked image weights it; gradients are not needed."""

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
    """Return the Score-CAM explainer of `model`, which needs a forward pass for each image and channel of the layer.

    Source: Wang et al. 2020, "Score-CAM: Score-Weighted Visual Explanations for Convolutional Neural Networks", arXiv
    1910.01279.

    Args:
        model: Classifier from images (B, C, H, W) to logits (B, K).
        layer: Dotted name of the submodule to explain, with a key if it returns several feature maps, as in
            ``body[3]``; null chooses the last layer whose output is a feature map with a gradient.
        normalize: ``max`` divides each map by its maximum; ``minmax`` stretches each map to [0, 1] before and after
            resizing, as pytorch-grad-cam does; ``none`` keeps the scale of the activations.
        compat: Library whose scaling and resizing to use instead of `normalize`: ``pytorch-grad-cam`` is the same as
            ``minmax``; ``torchcam`` stretches to [0, 1] only before resizing.
        chunk: Images, including masked ones, that go through the model at once, at least 1; it limits the memory.

    Returns:
        A callable from images (B, C, H, W) and targets (B,) to maps (B, H, W).

    Raises:
        ValueError: The model has no such layer, or both `normalize` and `compat` are set.
    """
    return Cam("score_cam", partial(weighted_by_score, chunk=chunk), model, layer, normalize, chunk, compat)


def weighted_by_score(
    model: nn.Module, layer: LayerCandidate, images: Tensor, targets: Targets, *, chunk: int
) -> Tensor:
    """Return the signed maps ``sum_k softmax_k(f(X * H_k)) A_k``, (B, T, h, w).

    A are the activations (B, c, h, w) of the layer. H_k is channel k, resized to the image and stretched to [0, 1],
    or zero if it is constant. f is the score of a target. The softmax is over the channels.
    Source: Wang et al. 2020, "Score-CAM: Score-Weighted Visual Explanations for Convolutional Neural Networks", arXiv
    1910.01279, algorithm 1; the code of the authors weights by the class probability instead. The algorithm subtracts
    the score of a baseline from every f, which does not change the softmax.
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
    """Stretch each mask (..., H, W) to [0, 1]; a constant mask becomes zero."""
    low, high = masks.amin(dim=(-2, -1), keepdim=True), masks.amax(dim=(-2, -1), keepdim=True)
    return torch.where(high > low, (masks - low) / (high - low), 0.0)
