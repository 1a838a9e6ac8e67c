"""Find and adapt the first and the last layer of a classifier, which depend on the data set."""

from __future__ import annotations

from typing import cast

from torch import Tensor, nn


def first_layer(model: nn.Module) -> tuple[str, nn.Conv2d]:
    """Return the dotted name of the model's first convolution, and the convolution."""
    return next((name, module) for name, module in model.named_modules() if isinstance(module, nn.Conv2d))


def last_layer(model: nn.Module) -> str:
    """Return the dotted name of the model's last linear layer or convolution, which computes the logits."""
    names: list[str] = [name for name, part in model.named_modules() if isinstance(part, nn.Linear | nn.Conv2d)]
    return names[-1]


def fit_channels(model: nn.Module, channels: int) -> None:
    """Replace the first convolution with one for `channels` channels; new weights have the old standard deviation."""
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
    """Convert the weight (O, 3, h, w) of a first convolution to (O, channels, h, w).

    Each channel gets the sum of the three, divided by `channels`. So a grey image that is repeated in every channel
    gives the same output as before.
    """
    if weight.shape[1] == channels:
        return weight
    return weight.sum(dim=1, keepdim=True).expand(-1, channels, -1, -1) / channels
