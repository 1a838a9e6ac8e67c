"""The first and the last layer of a classifier: the ones that a data set's channels and classes decide."""

from __future__ import annotations

from typing import cast

from torch import Tensor, nn


def first_layer(model: nn.Module) -> tuple[str, nn.Conv2d]:
    """Return the model's first convolution, the one that takes the images, and its dotted name."""
    return next((name, module) for name, module in model.named_modules() if isinstance(module, nn.Conv2d))


def last_layer(model: nn.Module) -> str:
    """Return the dotted name of the model's last linear layer or convolution, the one that makes the logits."""
    names: list[str] = [name for name, part in model.named_modules() if isinstance(part, nn.Linear | nn.Conv2d)]
    return names[-1]


def fit_channels(model: nn.Module, channels: int) -> None:
    """Replace the first convolution by one for images of `channels`, its weights drawn with the spread of the old."""
    name, old = first_layer(model)
    if old.in_channels == channels:
        return
    new = nn.Conv2d(
        channels,
        old.out_channels,
        cast("tuple[int, int]", old.kernel_size),
        cast("tuple[int, int]", old.stride),
        cast("str | tuple[int, int]", old.padding),
        cast("tuple[int, int]", old.dilation),
        bias=old.bias is not None,
        padding_mode=old.padding_mode,
    )
    nn.init.normal_(new.weight, std=float(old.weight.detach().std()))
    new.bias = old.bias
    parent, _, attribute = name.rpartition(".")
    setattr(model.get_submodule(parent), attribute, new)


def adapted(weight: Tensor, channels: int) -> Tensor:
    """Return a first convolution's weight (O, 3, h, w) for images of other channels, (O, channels, h, w).

    Each channel gets the sum of the three, divided by `channels`: a grey image, repeated in every channel, then gives
    what it gave before.
    """
    if weight.shape[1] == channels:
        return weight
    return weight.sum(dim=1, keepdim=True).expand(-1, channels, -1, -1) / channels
