"""The engine of the family: a layer's raw maps, rectified, resized and normalised."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from cvkit import RunError, evaluation_mode

from .cut import gradient_at
from .explanation import Explanation
from .layers import choose_layer, find_layer, name_of
from .normalize import Normalization, upsampled

RawMaps = Callable[[nn.Module, nn.Module, Tensor, Tensor], Tensor]
"""A method: (model, layer, images (B, C, H, W), targets (B, T)) -> signed maps, float32 (B, T, h, w)."""


class Cam:
    """Maps of where `model` sees a class, by one method.

    `method`: its name. `raw_maps`: what tells it from the others. `layer`: a submodule's dotted name; by default the
    last one that still has a spatial grid. `normalize`: ``max``, ``minmax`` or ``none``. `chunk`: how many images go
    through the model at once; None for all. Raises `RunError` if there is no such layer.
    """

    def __init__(
        self,
        method: str,
        raw_maps: RawMaps,
        model: nn.Module,
        layer: str | None = None,
        normalize: Normalization = "max",
        chunk: int | None = None,
    ) -> None:
        self.method = method
        self.model = model
        self.layer = layer if layer is None else find_layer(model, layer)
        self.normalize = normalize
        self.chunk = chunk
        self._raw_maps = raw_maps

    def __call__(self, images: Tensor, targets: Tensor) -> Tensor:
        """Return the `maps` of `explain`: float32 at the images' size, in [0, 1] unless `normalize` is ``none``."""
        return self.explain(images, targets).maps

    def explain(self, images: Tensor, targets: Tensor) -> Explanation:
        """Explain each image for its class, or for several in one forward pass.

        `images`: normalised float (B, C, H, W). `targets`: int64 (B,), or (B, T) for maps (B, T, H, W).
        The model is explained in evaluation mode, and its modes, weights, gradients and hooks are left as found.
        Raises `RunError` where targets do not fit the images or the model's classes, or the layer has no grid.
        """
        require_targets(images, targets)
        try:
            with evaluation_mode(self.model), torch.inference_mode(False), torch.no_grad():
                classes = targets if targets.ndim == 2 else targets[:, None]
                raw = self._raw(*map(recordable, (images, classes)))
                rectified = raw.relu()
                maps = upsampled(rectified, images.shape[-2:], self.normalize)
        finally:
            # Weights cast here carry no graph, and older torch gives them to a training step (pytorch issue 65766).
            torch.clear_autocast_cache()
        if targets.ndim == 1:
            raw, rectified, maps = raw[:, 0], rectified[:, 0], maps[:, 0]
        empty = ~(rectified > 0).flatten(-2).any(dim=-1)
        return Explanation(raw, rectified, maps, empty, self.method, name_of(self.model, self.layer), targets)

    def _raw(self, images: Tensor, targets: Tensor) -> Tensor:
        """Return the method's signed maps (B, T, h, w), `chunk` images at once."""
        if self.layer is None:
            self.layer = choose_layer(self.model, images[:1])
        size = self.chunk or len(images)
        chunks = zip(images.split(size), targets.split(size), strict=True)
        return torch.cat([self._raw_maps(self.model, self.layer, *chunk) for chunk in chunks])


def from_gradients(combine: Callable[[Tensor, Tensor], Tensor]) -> RawMaps:
    """Return the method that combines activations (B, 1, c, h, w) and gradients (B, T, c, h, w) to (B, T, h, w)."""

    def raw_maps(model: nn.Module, layer: nn.Module, images: Tensor, targets: Tensor) -> Tensor:
        activation, gradient = gradient_at(model, layer, images, targets)
        return combine(activation[:, None], gradient)

    return raw_maps


def require_targets(images: Tensor, targets: Tensor) -> None:
    """Raise `RunError` unless targets are (B,) or (B, T), T at least 1, for B images, B at least 1."""
    if not len(images):
        raise RunError("there are no images to explain")
    if targets.ndim not in (1, 2) or len(targets) != len(images) or not targets.numel():
        raise RunError(f"targets of {len(images)} images are (B,) or (B, T), and these are {tuple(targets.shape)}")


def recordable(tensor: Tensor) -> Tensor:
    """Return a tensor that a graph may hold: a copy of one that was made in inference mode."""
    return tensor.clone() if tensor.is_inference() else tensor
