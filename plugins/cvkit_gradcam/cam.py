"""The engine of the family: a layer's raw maps, rectified, resized and normalised."""

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
"""A method: (model, layer, images (B, C, H, W), T targets an image) -> signed maps (B, T, h, w).

They are float32, or float64 where the layer's output is.
"""


class Cam:
    """Maps of where `model` sees a class, by one method.

    `method`: its name. `raw_maps`: what tells it from the others. `layer`: a submodule's dotted name, with a key
    where that returns several grids, as in ``body[3]``; by default `choose_layer`'s. `normalize`: ``max``,
    ``minmax`` or ``none``. `chunk`: how many images go through the model at once; None for all. `compat`: a library
    whose maps to match instead. Raises `RunError` if there is no such layer, or if `compat` fits neither method nor
    `normalize`.
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
        """Return the `maps` of `explain`: float32 at the images' size.

        They lie in [0, 1], unless `normalize` is ``none`` or `compat` is ``captum``.
        """
        return self.explain(images, targets).maps

    def candidates(self, image: Tensor) -> list[LayerCandidate]:
        """Return the layers of the model that can be explained, as one image (1, C, H, W) finds them."""
        return candidates(self.model, image)

    def explain(self, images: Tensor, targets: Tensor, against: Tensor | None = None) -> Explanation:
        """Explain each image for its class, or for several in one forward pass.

        `images`: normalised float (B, C, H, W). `targets`: int64 (B,), or (B, T) for maps (B, T, H, W).
        `against`: int64 of the targets' shape; what is explained is then why the target and not this class, the
        difference of their logits. None for the target's logit alone.
        The model is explained in evaluation mode, and its modes, weights, gradients and hooks are left as found.
        Raises `RunError` where targets do not fit the images or the model's classes, or the layer has no grid.
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
            # Weights cast here carry no graph, and older torch gives them to a training step (pytorch issue 65766).
            torch.clear_autocast_cache()
        if targets.ndim == 1:
            raw, rectified, maps = raw[:, 0], rectified[:, 0], maps[:, 0]
        empty = ~(rectified > 0).flatten(-2).any(dim=-1)
        return Explanation(raw, rectified, maps, empty, self.method, layer.name, targets, against)

    def _layer_for(self, image: Tensor) -> LayerCandidate:
        """Return the layer to explain: found once for each size of images, on which its grid depends."""
        size = tuple(image.shape[-2:])
        if size not in self._of_size:
            self._of_size[size] = choose_layer(self.model, image, self.layer)
            self.layer = self._of_size[size].name
        return self._of_size[size]

    def _raw(self, layer: LayerCandidate, images: Tensor, targets: Targets) -> Tensor:
        """Return the method's signed maps (B, T, h, w), `chunk` images at once."""
        size = self.chunk or len(images)
        chunks = [slice(start, start + size) for start in range(0, len(images), size)]
        return torch.cat([self._raw_maps(self.model, layer, images[at], targets[at]) for at in chunks])


def from_gradients(combine: Callable[[Tensor, Tensor], Tensor]) -> RawMaps:
    """Return the method that combines activations (B, 1, c, h, w) and gradients (B, T, c, h, w) to (B, T, h, w)."""

    def raw_maps(model: nn.Module, layer: LayerCandidate, images: Tensor, targets: Targets) -> Tensor:
        activation, gradient = gradient_at(model, layer, images, targets)
        return combine(activation[:, None], gradient)

    return raw_maps
