"""Any explainer's maps, averaged over views of the image."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal

import torch
from pydantic import PositiveInt
from torch import Tensor, nn

from cvkit import RunError

from .compat import Compat
from .eigen_cam import eigen_cam
from .grad_cam import grad_cam
from .grad_cam_pp import grad_cam_pp
from .hires_cam import hires_cam
from .layer_cam import layer_cam
from .normalize import Normalization
from .score_cam import score_cam

Method = Literal["grad_cam", "hires_cam", "layer_cam", "grad_cam_pp", "eigen_cam", "score_cam"]
METHODS: dict[Method, Callable[..., Callable[[Tensor, Tensor], Tensor]]] = {
    "grad_cam": grad_cam,
    "hires_cam": hires_cam,
    "layer_cam": layer_cam,
    "grad_cam_pp": grad_cam_pp,
    "eigen_cam": eigen_cam,
    "score_cam": score_cam,
}


def smoothed(
    model: nn.Module,
    *,
    method: Method = "grad_cam",
    layer: str | None = None,
    normalize: Normalization = "max",
    compat: Compat | None = None,
    chunk: PositiveInt | None = None,
) -> Smoothed:
    """Build a method's explainer of `model`, smoothed over six views: mirrored or not, contrast of 0.9, 1 and 1.1.

    It takes six times the method's time. `method`: which to smooth. `layer`, `normalize`, `compat` and `chunk` are
    the method's own, explained at `grad_cam`; a map of each view is normalised before they are averaged. With
    ``compat: pytorch-grad-cam`` maps are those of its ``aug_smooth=True``.
    """
    own: dict[str, Any] = {"layer": layer, "normalize": normalize, "compat": compat}
    if chunk is not None:
        own["chunk"] = chunk  # Score-CAM has a default of its own
    return Smoothed(METHODS[method](model, **own))


class Smoothed:
    """The mean of an explainer's maps over views of the images, each map turned back to the image.

    `explainer`: any callable (images, targets) -> maps (B, ..., H, W), a third party's too. `flip`: whether the
    mirrored images are views as well. `factors`: what the normalised images are multiplied by, each a view, which
    changes their contrast around the data set's mean colour. As pytorch-grad-cam's `aug_smooth` by default.
    The mean is not normalised again. Raises `RunError` without a factor.
    """

    def __init__(
        self,
        explainer: Callable[[Tensor, Tensor], Tensor],
        *,
        flip: bool = True,
        factors: Sequence[float] = (0.9, 1.0, 1.1),
    ) -> None:
        if not factors:
            raise RunError("smoothing needs at least one factor; 1.0 is the image itself")
        self.explainer = explainer
        self.flip = flip
        self.factors = tuple(factors)

    def __call__(self, images: Tensor, targets: Tensor) -> Tensor:
        """Return maps as the explainer does; one view is explained at a time, so memory does not grow with them."""
        total = torch.zeros(())
        for mirrored in (False, True)[: 1 + self.flip]:
            for factor in self.factors:
                view = images.flip(-1) if mirrored else images
                maps = self.explainer(view * factor, targets)
                total = total.to(maps) + (maps.flip(-1) if mirrored else maps)
        return total / (len(self.factors) * (1 + self.flip))
