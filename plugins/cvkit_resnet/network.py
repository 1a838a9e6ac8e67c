"""A nine-layer residual network after David Page's ResNet-9 (github.com/davidcpage/cifar10-fast)."""

from __future__ import annotations

from pydantic import PositiveFloat, PositiveInt
from torch import Tensor, nn

from cvkit import DataInfo


def custom_resnet(info: DataInfo, *, width: PositiveInt = 64, logit_scale: PositiveFloat = 0.125) -> CustomResNet:
    """Return the nine-layer ResNet for the channels, image size and classes of a data set.

    Args:
        info: Channels, image size and classes of the data set.
        width: Channels after the first convolution, at least 1. Every stage scales with it; 64 gives 6.57 M weights.
        logit_scale: Factor by which the logits are multiplied, above 0. Page's network uses 0.125, which makes the
            softmax less confident early in training.

    Returns:
        A module from normalised images (B, C, H, W) to logits (B, K).

    Raises:
        ValueError: The height or the width of the images is not a multiple of 32, by which pooling divides them.
    """
    if info.height % 32 or info.width % 32:
        raise ValueError(
            f"the height and width of the images must be multiples of 32, but the images of the data set are "
            f"{info.height}x{info.width}; resize them (image_folder has the option `size`) or choose another model"
        )
    positions = (info.height // 32) * (info.width // 32)
    return CustomResNet(info.channels, info.num_classes, width, logit_scale, positions)


class CustomResNet(nn.Module):
    """Map images (B, C, H, W) to logits (B, K).

    The network has four convolutional stages, two of them with a residual block, and a linear layer. `positions` is
    the number of grid cells after the last max pooling: 1 for images of 32x32 pixels.
    """

    def __init__(self, channels: int, classes: int, width: int, logit_scale: float, positions: int = 1) -> None:
        super().__init__()
        self.prep = conv_bn(channels, width)
        self.layer1 = nn.Sequential(conv_bn(width, 2 * width, pool=True), Residual(2 * width))
        self.layer2 = conv_bn(2 * width, 4 * width, pool=True)
        self.layer3 = nn.Sequential(conv_bn(4 * width, 8 * width, pool=True), Residual(8 * width))
        self.pool = nn.MaxPool2d(4)
        self.linear = nn.Linear(8 * width * positions, classes)
        self.logit_scale = logit_scale

    def forward(self, images: Tensor) -> Tensor:
        """Return the logits of normalised images."""
        x = self.layer3(self.layer2(self.layer1(self.prep(images))))
        logits: Tensor = self.linear(self.pool(x).flatten(1))
        return logits * self.logit_scale


class Residual(nn.Module):
    """Compute x + f(x), where f is two convolutions that keep the shape."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.convs = nn.Sequential(conv_bn(channels, channels), conv_bn(channels, channels))

    def forward(self, x: Tensor) -> Tensor:
        """Return x + f(x)."""
        residual: Tensor = self.convs(x)
        return x + residual


def conv_bn(channels_in: int, channels_out: int, *, pool: bool = False) -> nn.Sequential:
    """Return a 3x3 convolution, a 2x2 max pooling if `pool` is true, batch norm and ReLU."""
    return nn.Sequential(
        nn.Conv2d(channels_in, channels_out, kernel_size=3, padding=1, bias=False),
        nn.MaxPool2d(2) if pool else nn.Identity(),
        nn.BatchNorm2d(channels_out),
        nn.ReLU(inplace=True),
    )
