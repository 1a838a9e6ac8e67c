"""Average the maps of any explainer over mirrored and rescaled versions of the image."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal

import torch
from pydantic import PositiveInt
from torch import Tensor, nn

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
    """Return an explainer of `model` that averages the maps of another method over six views of each image.

    The views are the image and its mirror image, each with the contrast factors 0.9, 1 and 1.1. The map of each view
    is normalised before the average. The explainer takes six times as long as the method.

    Args:
        model: Classifier from images (B, C, H, W) to logits (B, K).
        method: Method whose maps are averaged.
        layer: Dotted name of the submodule to explain, with a key if it returns several feature maps, as in
            ``body[3]``; null chooses the last layer whose output is a feature map with a gradient.
        normalize: ``max`` divides each map by its maximum; ``minmax`` stretches each map to [0, 1] before and after
            resizing, as pytorch-grad-cam does; ``none`` keeps the scale of the method.
        compat: Library whose scaling and resizing to use instead of `normalize`, if it has the method. The maps for
            ``pytorch-grad-cam`` are those of its ``aug_smooth=True``.
        chunk: Images that go through the model at once, at least 1; null uses the default of the method.

    Returns:
        A callable from images (B, C, H, W) and targets (B,) to maps (B, H, W).

    Raises:
        ValueError: The model has no such layer, both `normalize` and `compat` are set, or the library in `compat`
            does not have the method.
    """
    own: dict[str, Any] = {"layer": layer, "normalize": normalize, "compat": compat}
    if chunk is not None:
        own["chunk"] = chunk  # the default of Score-CAM is not None
    return Smoothed(METHODS[method](model, **own))


class Smoothed:
    """Average the maps of an explainer over views of the images; maps of mirrored images are mirrored back.

    The defaults are those of pytorch-grad-cam's `aug_smooth`. The mean is not normalised again.

    Args:
        explainer: Any callable from images (B, C, H, W) and targets to maps (B, ..., H, W).
        flip: Use the mirrored images as views too.
        factors: Factors of the normalised images, one view each. They change the contrast around the mean colour of
            the data set.

    Raises:
        ValueError: `factors` is empty.
    """

    def __init__(
        self,
        explainer: Callable[[Tensor, Tensor], Tensor],
        *,
        flip: bool = True,
        factors: Sequence[float] = (0.9, 1.0, 1.1),
    ) -> None:
        if not factors:
            raise ValueError("factors must contain at least one factor; 1.0 is the unchanged image")
        self.explainer = explainer
        self.flip = flip
        self.factors = tuple(factors)

    def __call__(self, images: Tensor, targets: Tensor) -> Tensor:
        """Return averaged maps, with the shape that the explainer returns; the views are explained one at a time."""
        total = torch.zeros(())
        for mirrored in (False, True)[: 1 + self.flip]:
            for factor in self.factors:
                view = images.flip(-1) if mirrored else images
                maps = self.explainer(view * factor, targets)
                total = total.to(maps) + (maps.flip(-1) if mirrored else maps)
        return total / (len(self.factors) * (1 + self.flip))
