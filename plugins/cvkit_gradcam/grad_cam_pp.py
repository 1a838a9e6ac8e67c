"""Grad-CAM++: Grad-CAM with weights that count every position of a channel equally, even in small regions."""

from __future__ import annotations

import torch
from pydantic import PositiveInt
from torch import Tensor, nn

from .cam import Cam, from_gradients
from .compat import CompatOfTwo
from .normalize import Normalization


def grad_cam_pp(
    model: nn.Module,
    *,
    layer: str | None = None,
    normalize: Normalization = "max",
    compat: CompatOfTwo | None = None,
    chunk: PositiveInt | None = None,
) -> Cam:
    """Return the Grad-CAM++ explainer of `model`.

    Source: Chattopadhyay et al. 2018, "Grad-CAM++: Generalized Gradient-Based Visual Explanations for Deep
    Convolutional Networks", arXiv 1710.11063.

    Args:
        model: Classifier from images (B, C, H, W) to logits (B, K).
        layer: Dotted name of the submodule to explain, with a key if it returns several feature maps, as in
            ``body[3]``; null chooses the last layer whose output is a feature map with a gradient.
        normalize: ``max`` divides each map by its maximum; ``minmax`` stretches each map to [0, 1] before and after
            resizing, as pytorch-grad-cam does; ``none`` keeps the scale of the gradients.
        compat: Library whose scaling and resizing to use instead of `normalize`: ``pytorch-grad-cam`` is the same as
            ``minmax``; ``torchcam`` stretches to [0, 1] only before resizing.
        chunk: Images that go through the model at once, at least 1; null for all.

    Returns:
        A callable from images (B, C, H, W) and targets (B,) to maps (B, H, W).

    Raises:
        ValueError: The model has no such layer, or both `normalize` and `compat` are set.
    """
    return Cam("grad_cam_pp", from_gradients(weighted_by_alpha), model, layer, normalize, chunk, compat)


def weighted_by_alpha(activation: Tensor, gradient: Tensor) -> Tensor:
    """Return the signed map ``sum_k w_k A_k`` with ``w_k = sum_ij alpha_kij relu(g_kij)``, (B, T, h, w).

    `activation` is A, (B, 1, c, h, w). `gradient` is g, the gradient of a logit with respect to A, (B, T, c, h, w).
    ``alpha_kij = g^2 / (2 g^2 + g^3 sum_ab A_kab)`` equals ``1 / (2 + g sum_ab A_kab)`` if g is not zero. In the
    second form, a tiny gradient does not underflow. If the denominator is zero, alpha is zero.
    Source: Chattopadhyay et al. 2018, "Grad-CAM++: Generalized Gradient-Based Visual Explanations for Deep
    Convolutional Networks", arXiv 1710.11063, equation 19, for ``Y = exp(logit)``. The factor ``exp(logit)``, common
    to all weights of an image, is left out: it does not change a normalised map, and it would overflow.
    """
    denominator = 2 + gradient * activation.sum(dim=(-2, -1), keepdim=True)
    alpha = torch.where(denominator != 0, 1 / denominator, 0.0)
    weights = (alpha * gradient.relu()).sum(dim=(-2, -1), keepdim=True)
    return (weights * activation).sum(dim=-3)
