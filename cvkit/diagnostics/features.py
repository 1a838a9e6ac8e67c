"""Features: the input of a model's last layer, before the classification."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from ..data.loading import materialize
from ..engine.eval_mode import eval_mode
from ..engine.trained_model import TrainedModel
from ..engine.trainer import Trainer


class Features:
    """The input of `layer`, a module of `trained`, for a batch of images.

    An input with spatial positions or tokens is averaged over them.
    """

    def __init__(self, trained: TrainedModel, layer: nn.Module) -> None:
        self._trained, self._layer = trained, layer

    @classmethod
    def before_logits(cls, trained: TrainedModel, images: Tensor) -> Features | None:
        """Find the last layer with weights before the logits, by a forward pass of `images`; return its input.

        `images` are at least 2, uint8 (B, C, H, W). Of the modules whose `weight` is a matrix or a kernel, the last
        one in the forward pass is used. None if its output does not have one value per class for each image.
        """
        entered: list[tuple[nn.Module, Any]] = []
        made: dict[nn.Module, Any] = {}
        hooks = []
        for module in trained.model.modules():
            if _weight_dimensions(module) >= 2:
                hooks.append(module.register_forward_pre_hook(lambda layer, taken: entered.append((layer, taken))))
                hooks.append(module.register_forward_hook(lambda layer, _, output: made.update({layer: output})))
        try:
            trained.logits(images)
        finally:
            for hook in hooks:
                hook.remove()
        layer, taken = entered[-1] if entered else (None, ())
        if layer is None or not taken or not _is_of_each_image(taken[0], len(images)):
            return None
        output, classes = made[layer], trained.info.num_classes
        if not _is_of_each_image(output, len(images)) or classes not in (output.shape[-1], output.shape[1]):
            return None  # the output is neither (B, K) nor (B, K, H, W) nor (B, N, K)
        return cls(trained, layer)

    @torch.no_grad()
    def __call__(self, images: Tensor) -> Tensor:
        """Return the features of uint8 images (B, C, H, W), float32 (B, F), on the model's device."""
        taken: list[Tensor] = []
        hook = self._layer.register_forward_pre_hook(lambda _, inputs: taken.append(inputs[0]))
        try:
            with eval_mode(self._trained.model):
                self._trained.model(self._trained.inputs(images))
        finally:
            hook.remove()
        values = taken[-1].float()
        channel = (
            1 if _weight_dimensions(self._layer) > 2 else values.ndim - 1
        )  # of a kernel's input or a matrix's input
        places = [dimension for dimension in range(1, values.ndim) if dimension != channel]
        return values.mean(dim=places) if places else values


def features_of(trainer: Trainer) -> Features | None:
    """Return the features of the trained model of a run, found with evaluated images; None if there are none."""
    split = trainer.parts.splits.half(trainer.parts.splits.final)
    return Features.before_logits(trainer.trained(), materialize(split, range(min(2, len(split)))).images)


def _weight_dimensions(module: nn.Module) -> int:
    weight = getattr(module, "weight", None)
    return weight.ndim if isinstance(weight, Tensor) else 0


def _is_of_each_image(value: Any, images: int) -> bool:
    return isinstance(value, Tensor) and value.ndim >= 2 and len(value) == images
