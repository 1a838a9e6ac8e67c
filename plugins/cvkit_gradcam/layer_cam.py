"""LayerCAM: the activation, weighted by the positive gradient at each position."""

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
    """Return the LayerCAM explainer of `model`, which also suits early layers.

    Source: Jiang et al. 2021, "LayerCAM: Exploring Hierarchical Class Activation Maps for Localization",
    <https://doi.org/10.1109/TIP.2021.3089943>.

    Args:
        model: Classifier from images (B, C, H, W) to logits (B, K).
        layer: Dotted name of the submodule to explain, with a key if it returns several feature maps, as in
            ``body[3]``; null chooses the last layer whose output is a feature map with a gradient.
        normalize: ``max`` divides each map by its maximum; ``minmax`` stretches each map to [0, 1] before and after
            resizing, as pytorch-grad-cam does; ``none`` keeps the scale of the gradients.
        compat: Library whose scaling and resizing to use instead of `normalize`: ``pytorch-grad-cam`` is the same as
            ``minmax``; ``torchcam`` stretches to [0, 1] only before resizing.
        chunk: Images that go through the model at once, at least 1; null for all.

    Returns:
        A callable from images (B, C, H, W) and targets (B,) to maps (B, H, W).

    Raises:
        ValueError: The model has no such layer, or both `normalize` and `compat` are set.
    """
    return Cam("layer_cam", from_gradients(weighted_by_positive_gradient), model, layer, normalize, chunk, compat)


def weighted_by_positive_gradient(activation: Tensor, gradient: Tensor) -> Tensor:
    """Return ``sum_k relu(g_k) * A_k``, the map before its ReLU, (B, T, h, w).

    `activation` is A, (B, 1, c, h, w). `gradient` is g, the gradient of a logit with respect to A, (B, T, c, h, w).
    Source: Jiang et al. 2021, "LayerCAM: Exploring Hierarchical Class Activation Maps for Localization",
    <https://doi.org/10.1109/TIP.2021.3089943>.
    """
    return (gradient.relu() * activation).sum(dim=-3)
