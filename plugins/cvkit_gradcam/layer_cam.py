"""LayerCAM: the activation, weighted place by place where the gradient is positive."""

from __future__ import annotations

from pydantic import PositiveInt
from torch import Tensor, nn

from .cam import Cam, from_gradients
from .compat import CompatOfTwo
from .normalize import Normalization


def layer_cam(
    model: nn.Module,
    *,
    layer: str | None = None,
    normalize: Normalization = "max",
    compat: CompatOfTwo | None = None,
    chunk: PositiveInt | None = None,
) -> Cam:
    """Build the LayerCAM explainer of `model`; unlike the others it is meant for early layers too.

    `layer`, `normalize`, `compat` and `chunk` are those of every method here, explained at `grad_cam`.
    """
    return Cam("layer_cam", from_gradients(weighted_by_positive_gradient), model, layer, normalize, chunk, compat)


def weighted_by_positive_gradient(activation: Tensor, gradient: Tensor) -> Tensor:
    """Return ``sum_k relu(g_k) * A_k``, the map before its ReLU, (B, T, h, w).

    `activation`: A, (B, 1, c, h, w). `gradient`: g, of a logit with respect to A, (B, T, c, h, w).
    Jiang et al. 2021, "LayerCAM: Exploring Hierarchical Class Activation Maps for Localization",
    <https://doi.org/10.1109/TIP.2021.3089943>.
    """
    return (gradient.relu() * activation).sum(dim=-3)
