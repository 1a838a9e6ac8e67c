"""The common part of all class activation maps: compute, rectify, resize and normalise the maps of a layer."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from cvkit import eval_mode

from .compat import Compat, postprocess_for
from .eager_mode import eager_mode
from .explanation import Explanation
from .gradients import gradient_at
from .layers import LayerCandidate, candidates, choose_layer, find_layer
from .normalize import Normalization
from .targets import Targets, recordable, require_targets

RawMaps = Callable[[nn.Module, LayerCandidate, Tensor, Targets], Tensor]
"""A method: (model, layer, images (B, C, H, W), T targets per image) -> signed maps (B, T, h, w).

The maps are float32, or float64 if the layer output is float64.
"""


class Cam:
    """Explain where in an image `model` recognises a class, by one method.

    Args:
        method: Name of the method.
        raw_maps: Function that computes the signed maps of the method.
        model: Classifier from images (B, C, H, W) to logits (B, K).
        layer: Dotted name of the submodule to explain, with a key if it returns several feature maps, as in
            ``body[3]``; by default the layer that `choose_layer` returns.
        normalize: ``max``, ``minmax`` or ``none``.
        chunk: Images that go through the model at once; None for all.
        compat: Library whose scaling and resizing to use instead of `normalize`.

    Raises:
        ValueError: The model has no such layer, or `compat` does not fit the method or `normalize`.
    """

    def __init__(
        self,
        method: str,
        raw_maps: RawMaps,
        model: nn.Module,
        layer: str | None = None,
        normalize: Normalization = "max",
        chunk: int | None = None,
        compat: Compat | None = None,
    ) -> None:
        self.method = method
        self.model = model
        if layer is not None:
            find_layer(model, layer)
        self.layer = layer
        self.chunk = chunk
        self._raw_maps = raw_maps
        self._of_size: dict[tuple[int, ...], LayerCandidate] = {}
        self._finish = postprocess_for(method, normalize, compat)

    def __call__(self, images: Tensor, targets: Tensor) -> Tensor:
        """Return the `maps` of `explain`, float32 (B, H, W) or (B, T, H, W).

        The values are in [0, 1], unless `normalize` is ``none`` or `compat` is ``captum``.
        """
        return self.explain(images, targets).maps

    def candidates(self, image: Tensor) -> list[LayerCandidate]:
        """Return the layers of the model that can be explained, found with one image (1, C, H, W)."""
        return candidates(self.model, image)

    def explain(self, images: Tensor, targets: Tensor, against: Tensor | None = None) -> Explanation:
        """Explain each image for its class, or for several classes in one forward pass.

        The model is explained in evaluation mode. Its modes, weights, gradients and hooks do not change.

        Args:
            images: Normalised float images (B, C, H, W).
            targets: Classes, int64 (B,), or (B, T) for maps (B, T, H, W).
            against: Classes of the same shape to contrast with the targets. The maps then explain the difference of
                the two logits. None explains the logit of the target.

        Returns:
            The maps before and after normalisation, and what they explain.

        Raises:
            cvkit.RunError: The targets do not fit the images or the classes of the model, or the output of the layer
                is not a feature map.
        """
        require_targets(images, targets, against)
        try:
            with eval_mode(self.model), eager_mode(), torch.inference_mode(False), torch.no_grad():
                images = recordable(images)
                layer = self._layer_for(images[:1])
                raw = self._raw(layer, images, Targets.of(targets, against))
                rectified = raw.relu()
                maps = self._finish(raw, images.shape[-2:]).float()
        finally:
            # Weights cast here have no graph, and older torch versions reuse them in training (pytorch issue 65766).
            torch.clear_autocast_cache()
        if targets.ndim == 1:
            raw, rectified, maps = raw[:, 0], rectified[:, 0], maps[:, 0]
        empty = ~(rectified > 0).flatten(-2).any(dim=-1)
        return Explanation(raw, rectified, maps, empty, self.method, layer.name, targets, against)

    def _layer_for(self, image: Tensor) -> LayerCandidate:
        """Return the layer to explain, found once for each image size because the feature map depends on it."""
        size = tuple(image.shape[-2:])
        if size not in self._of_size:
            self._of_size[size] = choose_layer(self.model, image, self.layer)
            self.layer = self._of_size[size].name
        return self._of_size[size]

    def _raw(self, layer: LayerCandidate, images: Tensor, targets: Targets) -> Tensor:
        """Return the signed maps (B, T, h, w) of the method, computed for `chunk` images at a time."""
        size = self.chunk or len(images)
        chunks = [slice(start, start + size) for start in range(0, len(images), size)]
        return torch.cat([self._raw_maps(self.model, layer, images[at], targets[at]) for at in chunks])


def from_gradients(combine: Callable[[Tensor, Tensor], Tensor]) -> RawMaps:
    """Return a method that combines activations (B, 1, c, h, w) and gradients (B, T, c, h, w) to (B, T, h, w)."""

    def raw_maps(model: nn.Module, layer: LayerCandidate, images: Tensor, targets: Targets) -> Tensor:
        activation, gradient = gradient_at(model, layer, images, targets)
        return combine(activation[:, None], gradient)

    return raw_maps
