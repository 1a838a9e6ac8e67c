"""Grad-CAM++: Grad-CAM whose weights count every place of a channel alike, however small its share."""

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
    """Build the Grad-CAM++ explainer of `model`.

    `layer`, `normalize`, `compat` and `chunk` are those of every method here, explained at `grad_cam`.
    """
    return Cam("grad_cam_pp", from_gradients(weighted_by_alpha), model, layer, normalize, chunk, compat)


def weighted_by_alpha(activation: Tensor, gradient: Tensor) -> Tensor:
    """Return ``sum_k w_k A_k``, with ``w_k = sum_ij alpha_kij relu(g_kij)``, the signed map, (B, T, h, w).

    `activation`: A, (B, 1, c, h, w). `gradient`: g, of a logit with respect to A, (B, T, c, h, w).
    ``alpha_kij = g^2 / (2 g^2 + g^3 sum_ab A_kab)``, which is ``1 / (2 + g sum_ab A_kab)`` wherever g is not zero; in
    that form a tiny gradient does not underflow. Where the denominator is zero, alpha is zero.
    Chattopadhyay et al. 2018, "Grad-CAM++: Generalized Gradient-Based Visual Explanations for Deep Convolutional
    Networks", arXiv 1710.11063, equation 19, for ``Y = exp(logit)``. The factor ``exp(logit)`` that is
    common to an image's weights is left out: it changes no normalised map, and overflows.
    """
    denominator = 2 + gradient * activation.sum(dim=(-2, -1), keepdim=True)
    alpha = torch.where(denominator != 0, 1 / denominator, 0.0)
    weights = (alpha * gradient.relu()).sum(dim=(-2, -1), keepdim=True)
    return (weights * activation).sum(dim=-3)
