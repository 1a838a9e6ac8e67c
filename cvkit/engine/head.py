"""Find the head of a model, the layer that computes the logits, and set its initial weights."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import torch
from torch import Tensor, nn

from ..data.splits import DataInfo
from ..errors import RunError
from ..guard import Guard
from ..recipe import Part
from ..seeding import preserved_randomness, seed_everything
from .eval_mode import eval_mode

_STD = 0.01  # of a normal head, as in torchvision's DenseNet and MobileNet


def find_head(part: Part, model: nn.Module, info: DataInfo) -> str:
    """Return the name of the model's head.

    It is the module that `get_classifier` returns, as timm's models have it; else the last linear layer or 1x1
    convolution, in the order of a forward pass, with one output per class. Raises `RunError` if there is none.
    """
    declared = getattr(model, "get_classifier", None)
    classifier = declared() if callable(declared) else None
    names: dict[int, str] = {id(module): name for name, module in model.named_modules()}
    if isinstance(classifier, nn.Linear | nn.Conv2d) and id(classifier) in names:
        return names[id(classifier)]
    found: list[str] = []

    def watch(name: str) -> Callable[[nn.Module, Any, Any], None]:
        def note(module: nn.Module, given: Any, output: Any) -> None:
            if isinstance(output, Tensor) and output.shape[1:2] == (info.num_classes,):
                found.append(name)

        return note

    layers = [(name, module) for name, module in model.named_modules() if name and _may_be_head(module)]
    hooks = [module.register_forward_hook(watch(name)) for name, module in layers]
    device = next(model.parameters()).device
    try:
        with preserved_randomness(), eval_mode(model), torch.no_grad():
            images = torch.zeros(2, info.channels, info.height, info.width, device=device)
            Guard(part.entry, "fails on images")(model, images)
    finally:
        for hook in hooks:
            hook.remove()
    if not found:
        raise RunError(
            f"found no head in {part.entry.owner}: no linear layer and no 1x1 convolution has {info.num_classes} "
            "outputs. Remove the settings of the head from 'finetune', or give the model a method get_classifier()"
        )
    return found[-1]


def _may_be_head(module: nn.Module) -> bool:
    return isinstance(module, nn.Linear) or (isinstance(module, nn.Conv2d) and module.kernel_size == (1, 1))


@torch.no_grad()
def initialise_head(head: nn.Module, how: Literal["zeros", "normal"], seed: int) -> None:
    """Set the weights of `head` to zero or draw them, and set its biases to zero."""
    with preserved_randomness():
        seed_everything("initialisation of the head", seed)
        for name, weight in head.named_parameters():
            if how == "normal" and name.endswith("weight"):
                weight.copy_(torch.empty(weight.shape).normal_(std=_STD))
            else:
                weight.zero_()
