"""Grad-CAM: the channels of a layer, each weighted by its mean gradient for a class."""

from __future__ import annotations

from pydantic import PositiveInt
from torch import Tensor, nn

from .cam import Cam, from_gradients
from .compat import Compat
from .normalize import Normalization


def grad_cam(
    model: nn.Module,
    *,
    layer: str | None = None,
    normalize: Normalization = "max",
    compat: Compat | None = None,
    chunk: PositiveInt | None = None,
) -> Cam:
    """Return the Grad-CAM explainer of `model`.

    Source: Selvaraju et al. 2017, "Grad-CAM: Visual Explanations from Deep Networks via Gradient-based Localization".

    Args:
        model: Classifier from images (B, C, H, W) to logits (B, K).
        layer: Dotted name of the submodule to explain, with a key if it returns several feature maps, as in
            ``body[3]``; null chooses the last layer whose output is a feature map with a gradient.
        normalize: ``max`` divides each map by its maximum, and a map without positive evidence stays zero; ``minmax``
            stretches each map to [0, 1] before and after resizing, as pytorch-grad-cam does; ``none`` keeps the scale
            of the gradients.
        compat: Library whose scaling and resizing to use instead of `normalize`: ``pytorch-grad-cam`` is the same as
            ``minmax``; ``torchcam`` stretches to [0, 1] only before resizing; ``captum`` resizes the signed map, so
            values may be outside [0, 1].
        chunk: Images that go through the model at once, at least 1; null for all.

    Returns:
        A callable from images (B, C, H, W) and targets (B,) to maps (B, H, W).

    Raises:
        ValueError: The model has no such layer, or both `normalize` and `compat` are set.
    """
    return Cam("grad_cam", from_gradients(weighted_by_mean_gradient), model, layer, normalize, chunk, compat)


def weighted_by_mean_gradient(activation: Tensor, gradient: Tensor) -> Tensor:
    """Return the signed map ``sum_k (1/hw sum_ij g_kij) A_k``, (B, T, h, w).

    `activation` is A, (B, 1, c, h, w). `gradient` is g, the gradient of a logit with respect to A, (B, T, c, h, w).
    Source: Selvaraju et al. 2017, "Grad-CAM: Visual Explanations from Deep Networks via Gradient-based Localization",
    equations 1 and 2; the ReLU of equation 2 is applied later.
    """
    return (gradient.mean(dim=(-2, -1), keepdim=True) * activation).sum(dim=-3)
