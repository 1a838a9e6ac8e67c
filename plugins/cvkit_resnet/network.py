"""A nine-layer residual network in the shape of David Page's ResNet-9 (github.com/davidcpage/cifar10-fast)."""

from __future__ import annotations

from pydantic import PositiveFloat, PositiveInt
from torch import Tensor, nn

from cvkit import DataInfo, RunError


def custom_resnet(info: DataInfo, *, width: PositiveInt = 64, logit_scale: PositiveFloat = 0.125) -> CustomResNet:
    """Build the network for a data set's channels, image size and classes.

    `width`: channels after the first convolution; every stage scales with it (6.57 M weights at 64).
    `logit_scale`: the factor on the logits; 0.125 as in Page's network, where it tempers the softmax early on.
    Raises `RunError` unless the images' sides are multiples of 32, which the pooling divides by.
    """
    if info.height % 32 or info.width % 32:
        raise RunError(
            f"custom_resnet takes images whose sides are multiples of 32, and the data set's are "
            f"{info.height}x{info.width}; resize them (image_folder has `size`) or choose another model"
        )
    positions = (info.height // 32) * (info.width // 32)
    return CustomResNet(info.channels, info.num_classes, width, logit_scale, positions)


class CustomResNet(nn.Module):
    """Images (B, C, H, W) -> logits (B, K): four convolutional stages, two of them residual, and a linear layer.

    `positions`: how many places the last max pool leaves of an image, 1 for 32x32.
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
    """x + f(x), where f is two convolutions that keep the shape."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.convs = nn.Sequential(conv_bn(channels, channels), conv_bn(channels, channels))

    def forward(self, x: Tensor) -> Tensor:
        """Return x + f(x)."""
        residual: Tensor = self.convs(x)
        return x + residual


def conv_bn(channels_in: int, channels_out: int, *, pool: bool = False) -> nn.Sequential:
    """Return a 3x3 convolution, halved by a max pool where asked for, then batch norm and ReLU."""
    return nn.Sequential(
        nn.Conv2d(channels_in, channels_out, kernel_size=3, padding=1, bias=False),
        nn.MaxPool2d(2) if pool else nn.Identity(),
        nn.BatchNorm2d(channels_out),
        nn.ReLU(inplace=True),
    )
