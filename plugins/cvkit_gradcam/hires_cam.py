"""HiResCAM: the gradient times the activation at each position."""

from __future__ import annotations

from pydantic import PositiveInt
from torch import Tensor, nn

from .cam import Cam, from_gradients
from .compat import CompatOfOne
from .normalize import Normalization


def hires_cam(
    model: nn.Module,
    *,
    layer: str | None = None,
    normalize: Normalization = "max",
    compat: CompatOfOne | None = None,
    chunk: PositiveInt | None = None,
) -> Cam:
    """Return the HiResCAM explainer of `model`.

    Source: Draelos & Carin 2020, "Use HiResCAM instead of Grad-CAM for faithful explanations of convolutional neural
    networks", arXiv 2011.08891.

    Args:
        model: Classifier from images (B, C, H, W) to logits (B, K).
        layer: Dotted name of the submodule to explain, with a key if it returns several feature maps, as in
            ``body[3]``; null chooses the last layer whose output is a feature map with a gradient.
        normalize: ``max`` divides each map by its maximum; ``minmax`` stretches each map to [0, 1] before and after
            resizing, as pytorch-grad-cam does; ``none`` keeps the scale of the gradients.
        compat: Library whose scaling and resizing to use instead of `normalize`; ``pytorch-grad-cam`` is the same as
            ``minmax``.
        chunk: Images that go through the model at once, at least 1; null for all.

    Returns:
        A callable from images (B, C, H, W) and targets (B,) to maps (B, H, W).

    Raises:
        ValueError: The model has no such layer, or both `normalize` and `compat` are set.
    """
    return Cam("hires_cam", from_gradients(gradient_times_activation), model, layer, normalize, chunk, compat)


def gradient_times_activation(activation: Tensor, gradient: Tensor) -> Tensor:
    """Return the signed map ``sum_k g_k * A_k``, (B, T, h, w).

    `activation` is A, (B, 1, c, h, w). `gradient` is g, the gradient of a logit with respect to A, (B, T, c, h, w).
    The gradient is not averaged over positions. So if a single linear layer follows, the map sums to the logit minus
    its bias.
    Source: Draelos & Carin 2020, "Use HiResCAM instead of Grad-CAM for faithful explanations of convolutional neural
    networks", arXiv 2011.08891.
    """
    return (gradient * activation).sum(dim=-3)
