"""Eigen-CAM: what a layer's activations have most in common, whatever the class."""

from __future__ import annotations

import torch
from pydantic import PositiveInt
from torch import Tensor, nn

from .cam import Cam
from .compat import CompatOfOne
from .gradients import activation_at
from .layers import LayerCandidate
from .normalize import Normalization
from .targets import Targets


def eigen_cam(
    model: nn.Module,
    *,
    layer: str | None = None,
    normalize: Normalization = "max",
    compat: CompatOfOne | None = None,
    chunk: PositiveInt | None = None,
) -> Cam:
    """Build the Eigen-CAM explainer of `model`, which ignores the class: every target gets the same map.

    It shows what the layer responds to, and cannot tell why an image was taken for one class and not another.
    `layer`, `normalize`, `compat` and `chunk` are those of every method here, explained at `grad_cam`.
    """
    return Cam("eigen_cam", principal_maps, model, layer, normalize, chunk, compat)


def principal_maps(model: nn.Module, layer: LayerCandidate, images: Tensor, targets: Targets) -> Tensor:
    """Return the principal map of each image, the same for all its targets (B, T), as (B, T, h, w)."""
    maps = principal_map(activation_at(model, layer, images))
    return maps[:, None].expand(-1, targets.classes.shape[1], -1, -1)


def principal_map(activation: Tensor) -> Tensor:
    """Return the projection of activations (B, c, h, w) on their first right singular vector, (B, h, w).

    With A as a matrix of hw places by c channels and ``A = U S V^T``, that is ``A v_1 = s_1 u_1``.
    Muhammad & Yeasin 2020, "Eigen-CAM: Class Activation Map using Principal Components", arXiv 2008.00299;
    A is not centred. A singular vector's sign is arbitrary: it is chosen so that the map correlates positively, over
    the places, with the energy ``sum_k A_k^2``.
    """
    places = activation.flatten(2).transpose(1, 2)
    left, values, _ = torch.linalg.svd(places, full_matrices=False)
    projection = left[..., 0] * values[..., :1]
    energy = places.square().sum(dim=2)
    covariance = (projection * (energy - energy.mean(dim=1, keepdim=True))).sum(dim=1, keepdim=True)
    return torch.where(covariance < 0, -projection, projection).reshape(-1, *activation.shape[-2:])
