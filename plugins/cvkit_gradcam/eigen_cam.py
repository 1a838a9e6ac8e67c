"""Eigen-CAM: the first principal component of the activations of a layer, whatever the class."""

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
    """Return the Eigen-CAM explainer of `model`, which ignores the class and gives every target the same map.

    The maps show where the layer responds. They cannot explain why the model prefers one class to another.
    Source: Muhammad & Yeasin 2020, "Eigen-CAM: Class Activation Map using Principal Components", arXiv 2008.00299.

    Args:
        model: Classifier from images (B, C, H, W) to logits (B, K).
        layer: Dotted name of the submodule to explain, with a key if it returns several feature maps, as in
            ``body[3]``; null chooses the last layer whose output is a feature map with a gradient.
        normalize: ``max`` divides each map by its maximum; ``minmax`` stretches each map to [0, 1] before and after
            resizing, as pytorch-grad-cam does; ``none`` keeps the scale of the activations.
        compat: Library whose scaling and resizing to use instead of `normalize`; ``pytorch-grad-cam`` is the same as
            ``minmax``.
        chunk: Images that go through the model at once, at least 1; null for all.

    Returns:
        A callable from images (B, C, H, W) and targets (B,) to maps (B, H, W).

    Raises:
        ValueError: The model has no such layer, or both `normalize` and `compat` are set.
    """
    return Cam("eigen_cam", principal_maps, model, layer, normalize, chunk, compat)


def principal_maps(model: nn.Module, layer: LayerCandidate, images: Tensor, targets: Targets) -> Tensor:
    """Return the principal map of each image, repeated for all its targets, (B, T, h, w)."""
    maps = principal_map(activation_at(model, layer, images))
    return maps[:, None].expand(-1, targets.classes.shape[1], -1, -1)


def principal_map(activation: Tensor) -> Tensor:
    """Return the projection of activations (B, c, h, w) on their first right singular vector, (B, h, w).

    With A as a matrix of hw positions by c channels and ``A = U S V^T``, the projection is ``A v_1 = s_1 u_1``. A is
    not centred. The sign of a singular vector is arbitrary; it is chosen such that the map correlates positively with
    the energy ``sum_k A_k^2`` over the positions.
    Source: Muhammad & Yeasin 2020, "Eigen-CAM: Class Activation Map using Principal Components", arXiv 2008.00299.
    """
    places = activation.flatten(2).transpose(1, 2)
    left, values, _ = torch.linalg.svd(places, full_matrices=False)
    projection = left[..., 0] * values[..., :1]
    energy = places.square().sum(dim=2)
    covariance = (projection * (energy - energy.mean(dim=1, keepdim=True))).sum(dim=1, keepdim=True)
    return torch.where(covariance < 0, -projection, projection).reshape(-1, *activation.shape[-2:])
