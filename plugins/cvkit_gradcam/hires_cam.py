"""HiResCAM: the gradient times the activation, place by place."""

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
    """Build the HiResCAM explainer of `model`.

    `layer`, `normalize`, `compat` and `chunk` are those of every method here, explained at `grad_cam`.
    """
    return Cam("hires_cam", from_gradients(gradient_times_activation), model, layer, normalize, chunk, compat)


def gradient_times_activation(activation: Tensor, gradient: Tensor) -> Tensor:
    """Return ``sum_k g_k * A_k``, the signed map, (B, T, h, w).

    `activation`: A, (B, 1, c, h, w). `gradient`: g, of a logit with respect to A, (B, T, c, h, w).
    Draelos & Carin 2020, "Use HiResCAM instead of Grad-CAM for faithful explanations of convolutional neural
    networks", arXiv 2011.08891: the gradient is not averaged over places, so that where one linear layer
    follows, the map sums to the logit less its bias.
    """
    return (gradient * activation).sum(dim=-3)
