"""Grad-CAM: the activations of a late layer, weighted by how much each channel matters to a class."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from .cut import gradient_at
from .layers import choose_layer, find_layer

Normalization = Literal["max", "minmax", "none"]


def grad_cam(model: nn.Module, *, layer: str | None = None, normalize: Normalization = "max") -> GradCam:
    """Build the explainer for `model`.

    `layer`: a submodule's dotted name; by default the last one that still has a spatial grid.
    `normalize`: ``max`` divides each map by its maximum, and leaves a map without positive evidence at zero;
    ``minmax`` stretches each map to [0, 1] before and after resizing, as pytorch-grad-cam does; ``none`` keeps
    the gradients' scale.
    """
    return GradCam(model, layer, normalize)


class GradCam:
    """Maps of where `model` sees a class: ReLU of the gradient-weighted sum of a layer's channels.

    Selvaraju et al. 2017, "Grad-CAM: Visual Explanations from Deep Networks", equations 1 and 2.
    """

    def __init__(self, model: nn.Module, layer: str | None = None, normalize: Normalization = "max") -> None:
        self.model = model
        self.layer = layer if layer is None else find_layer(model, layer)
        self.normalize = normalize

    def __call__(self, images: Tensor, targets: Tensor) -> Tensor:
        """Return a map per image: float32 (B, H, W) at the images' size, in [0, 1] unless `normalize` is ``none``.

        `images`: normalised float (B, C, H, W). `targets`: int64 (B,), the class each map is for.
        """
        rectified = self.raw(images, targets).relu()
        if self.normalize == "minmax":
            rectified = stretched(rectified)
        maps = interpolate(rectified[:, None], images.shape[-2:], mode="bilinear", align_corners=False)[:, 0]
        return {"max": divided_by_maximum, "minmax": stretched, "none": torch.Tensor.clone}[self.normalize](maps)

    def raw(self, images: Tensor, targets: Tensor) -> Tensor:
        """Return the signed map at the layer's own resolution, float32 (B, h, w)."""
        if self.layer is None:
            self.layer = choose_layer(self.model, images[:1])
        activation, gradient = gradient_at(self.model, self.layer, images, targets)
        weights = gradient.mean(dim=(2, 3), keepdim=True)
        return (weights * activation).sum(dim=1)


def divided_by_maximum(maps: Tensor) -> Tensor:
    """Divide each map (B, H, W) by its maximum where that is positive; the others become zero."""
    peak = maps.amax(dim=(1, 2), keepdim=True)
    return torch.where(peak > 0, maps / peak, 0.0)


def stretched(maps: Tensor) -> Tensor:
    """Stretch each map (B, H, W) to [0, 1]; 1e-7 keeps a flat one at zero, as in pytorch-grad-cam."""
    maps = maps - maps.amin(dim=(1, 2), keepdim=True)
    return maps / (maps.amax(dim=(1, 2), keepdim=True) + 1e-7)
