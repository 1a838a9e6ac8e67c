"""Grad-CAM: the channels of a late layer, each weighted by how much it matters to a class."""

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
    """Build the Grad-CAM explainer of `model`.

    `layer`: a submodule's dotted name, or one of several maps that it returns, as in ``body[3]``; by default the last
    whose output is a grid of the image with a gradient.
    `normalize`: ``max`` divides each map by its maximum, and leaves a map without positive evidence at zero;
    ``minmax`` stretches each map to [0, 1] before and after resizing, as pytorch-grad-cam does; ``none`` keeps
    the gradients' scale.
    `compat`: the library whose scaling and resizing to use instead of `normalize`, where it has the method:
    ``pytorch-grad-cam``, as ``minmax``; ``torchcam``, stretched to [0, 1] before resizing only; ``captum``, the
    signed map resized, which leaves [0, 1].
    `chunk`: how many images go through the model at once; null for all that are given.
    """
    return Cam("grad_cam", from_gradients(weighted_by_mean_gradient), model, layer, normalize, chunk, compat)


def weighted_by_mean_gradient(activation: Tensor, gradient: Tensor) -> Tensor:
    """Return ``sum_k (1/hw sum_ij g_kij) A_k``, the signed map, (B, T, h, w).

    `activation`: A, (B, 1, c, h, w). `gradient`: g, of a logit with respect to A, (B, T, c, h, w).
    Selvaraju et al. 2017, "Grad-CAM: Visual Explanations from Deep Networks via Gradient-based Localization",
    equations 1 and 2; the ReLU of the latter comes afterwards.
    """
    return (gradient.mean(dim=(-2, -1), keepdim=True) * activation).sum(dim=-3)
