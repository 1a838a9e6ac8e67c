"""The network of airbench94 (Jordan 2024, arXiv:2404.00498): whitening, and three groups of two convolutions."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import pairwise
from typing import Annotated, Any

import torch
from pydantic import Field, NonNegativeInt, PositiveFloat, PositiveInt
from torch import Tensor, nn
from torch.nn.functional import conv2d

from cvkit import DataInfo, Progress, progress

from .whitening import whitening_filters

_BEFORE = Progress(epoch=0, step=0, epochs=1, steps=1)  # outside a run the first epoch is assumed


def airbench(
    info: DataInfo,
    *,
    width: PositiveInt = 64,
    whitening: bool = True,
    whitening_size: Annotated[int, Field(ge=1, le=8)] = 2,
    whitening_eps: PositiveFloat = 5e-4,
    whitening_images: PositiveInt = 5000,
    whitening_bias_epochs: NonNegativeInt = 3,
    identity_init: bool = True,
    norm_momentum: Annotated[float, Field(gt=0, le=1)] = 0.4,
    norm_scale: bool = False,
    logit_scale: PositiveFloat = 0.1111111111111111,  # 1/9; the source of a signature is read as literals
) -> Airbench:
    """Return the network of airbench94 for the channels, image size and classes of a data set.

    Source: Jordan 2024, "94% on CIFAR-10 in 3.29 Seconds on a Single GPU", arXiv:2404.00498, and its code,
    <https://github.com/KellerJordan/cifar10-airbench>. The defaults are those of airbench94.

    Args:
        info: Channels, image size and classes of the data set.
        width: Channels of the first group, at least 1; the other two groups have four times as many. 64 gives 1.97 M
            weights for three channels.
        whitening: Set the first convolution by patches of training images and keep it; false trains it from usual
            first weights.
        whitening_size: Height and width of the first convolution in pixels, 1 to 8.
        whitening_eps: Added to each eigenvalue before its root divides a filter; above 0.
        whitening_images: Training images whose patches are used, at least 1; all of them if there are fewer.
        whitening_bias_epochs: Epochs for which the biases of the first convolution are trained, at least 0. Without
            `whitening` they are always trained.
        identity_init: Begin with convolutions that copy their inputs to their first outputs (Dirac kernels).
        norm_momentum: Weight of the latest batch in the running statistics of batch normalisation, in (0, 1].
        norm_scale: Train the scale of batch normalisation, besides its bias; false keeps it at 1.
        logit_scale: Factor by which the logits are multiplied, above 0.

    Returns:
        A module from normalised images (B, C, H, W) to logits (B, K). A run calls its method
        ``initialise_with_images`` once, if `whitening` is true.

    Raises:
        ValueError: The images are too small for three poolings after the first convolution.
    """
    least = 7 + whitening_size
    if min(info.height, info.width) < least:
        raise ValueError(
            f"the images must have at least {least}x{least} pixels for whitening_size {whitening_size} and three "
            f"poolings, but those of the data set have {info.height}x{info.width}; resize them, or use another model"
        )
    outputs = 2 * info.channels * whitening_size**2
    stem = (
        WhiteningConv(info.channels, outputs, whitening_size, whitening_bias_epochs, whitening_eps, whitening_images)
        if whitening
        else nn.Conv2d(info.channels, outputs, whitening_size)
    )
    return Airbench(stem, width, info.num_classes, (norm_momentum, norm_scale), identity_init, logit_scale)


class WhiteningConv(nn.Conv2d):
    """A convolution without padding whose kernel is set by `whiten` and not trained.

    Its bias begins at zero and is trained for the first `bias_epochs` epochs. `eps` is that of `whitening_filters`,
    and `images` the number of training images whose patches are used.
    """

    bias: nn.Parameter

    def __init__(self, inputs: int, outputs: int, size: int, bias_epochs: int, eps: float, images: int) -> None:
        super().__init__(inputs, outputs, size)
        nn.init.zeros_(self.bias)
        self.weight.requires_grad_(False)
        self.bias.requires_grad_(bias_epochs > 0)
        self.bias_epochs, self.eps, self.images = bias_epochs, eps, images
        self._watch_bias()

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Restore a copy; a copied parameter has no hooks."""
        super().__setstate__(state)  # type: ignore[no-untyped-call]  # torch's has no annotations
        self._watch_bias()

    def _watch_bias(self) -> None:
        if self.bias.requires_grad:
            self.bias.register_post_accumulate_grad_hook(partial(_drop_gradient, self.bias_epochs))

    def whiten(self, sample: Callable[[int], Tensor]) -> None:
        """Set the kernel by patches of `sample(count)`, model inputs (N, C, H, W)."""
        self.weight.copy_(whitening_filters(sample(self.images), self.kernel_size[0], self.eps))

    def forward(self, images: Tensor) -> Tensor:
        """Return the whitened images."""
        # A compiled graph must not contain the epoch: it would be compiled again in each. There the hook is enough;
        # without a graph, detaching saves the gradient with respect to the input of the next layer.
        frozen = self.training and not torch.compiler.is_compiling() and _over(self.bias_epochs)
        return conv2d(images, self.weight, self.bias.detach() if frozen else self.bias)


def _over(epochs: int) -> bool:
    """Whether the first `epochs` epochs are over."""
    return progress(default=_BEFORE).epoch >= epochs


def _drop_gradient(epochs: int, bias: Tensor) -> None:
    """Remove the gradient of a bias after the first `epochs` epochs, so that no optimizer changes it."""
    if _over(epochs):
        bias.grad = None


class ConvGroup(nn.Module):
    """Two 3x3 convolutions with batch normalisation and GELU, and a 2x2 max pooling after the first."""

    def __init__(self, inputs: int, outputs: int, norm: tuple[float, bool], identity: bool) -> None:
        super().__init__()
        self.conv1 = _conv(inputs, outputs, identity)
        self.pool = nn.MaxPool2d(2)
        self.norm1 = _norm(outputs, *norm)
        self.conv2 = _conv(outputs, outputs, identity)
        self.norm2 = _norm(outputs, *norm)
        self.activation = nn.GELU()

    def forward(self, x: Tensor) -> Tensor:
        """Return (B, `outputs`, H // 2, W // 2)."""
        x = self.activation(self.norm1(self.pool(self.conv1(x))))
        out: Tensor = self.activation(self.norm2(self.conv2(x)))
        return out


class Airbench(nn.Module):
    """Map images (B, C, H, W) to logits (B, K).

    The stem is followed by GELU, three `ConvGroup`, the maximum over all positions, and a linear layer without bias.
    """

    def __init__(
        self,
        stem: nn.Conv2d,
        width: int,
        classes: int,
        norm: tuple[float, bool],
        identity: bool,
        logit_scale: float,
    ) -> None:
        super().__init__()
        self.stem = stem
        self.activation = nn.GELU()
        channels = (stem.out_channels, width, 4 * width, 4 * width)
        self.group1, self.group2, self.group3 = (
            ConvGroup(inputs, outputs, norm, identity) for inputs, outputs in pairwise(channels)
        )
        self.pool = nn.AdaptiveMaxPool2d(1)
        self.head = nn.Linear(channels[-1], classes, bias=False)
        self.logit_scale = logit_scale

    def initialise_with_images(self, sample: Callable[[int], Tensor]) -> None:
        """Set the kernel of the first convolution by training images, if it whitens.

        Args:
            sample: Returns up to a number of training images as model inputs, float (N, C, H, W).
        """
        if isinstance(self.stem, WhiteningConv):
            self.stem.whiten(sample)

    def forward(self, images: Tensor) -> Tensor:
        """Return the logits of normalised images."""
        x = self.group3(self.group2(self.group1(self.activation(self.stem(images)))))
        logits: Tensor = self.head(self.pool(x).flatten(1))
        return logits * self.logit_scale


def _conv(inputs: int, outputs: int, identity: bool) -> nn.Conv2d:
    conv = nn.Conv2d(inputs, outputs, 3, padding=1, bias=False)
    if identity:
        nn.init.dirac_(conv.weight.data[:inputs])  # the kernels of further outputs keep their usual first weights
    return conv


def _norm(channels: int, momentum: float, scale: bool) -> nn.BatchNorm2d:
    norm = nn.BatchNorm2d(channels, eps=1e-12, momentum=momentum)
    norm.weight.requires_grad_(scale)
    return norm
