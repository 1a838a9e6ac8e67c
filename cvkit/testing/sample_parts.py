"""Small parts for the suites: information about a data set, images, labels, a model, a plan, and a fixed seed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from torch import Tensor, nn

from ..data.splits import DataInfo, Splits, TensorSplit
from ..engine.background import Background
from ..host.component import Component
from ..host.markers import hookimpl
from ..seeding import derive, preserved_randomness, seed_everything


def sample_info(channels: int = 3, height: int = 32, width: int = 32, classes: int = 10) -> DataInfo:
    """Return the properties of a data set with the classes ``class_0``, ``class_1`` and so on.

    Args:
        channels: Channels of an image.
        height: Height in pixels.
        width: Width in pixels.
        classes: The number of classes.

    Returns:
        Properties with a mean of 0.5 and a standard deviation of 0.25 in every channel.
    """
    names = tuple(f"class_{number}" for number in range(classes))
    return DataInfo(channels, height, width, names, mean=(0.5,) * channels, std=(0.25,) * channels)


@contextmanager
def seeded(number: int = 0) -> Iterator[None]:
    """Seed every global generator with `number`, and restore them at the end of the block."""
    with preserved_randomness():
        seed_everything("cvkit.testing", number)
        yield


def sample_images(info: DataInfo, count: int = 4) -> Tensor:
    """Return images of noise, uint8 (count, C, H, W), always the same."""
    shape = (count, info.channels, info.height, info.width)
    return torch.randint(0, 256, shape, dtype=torch.uint8, generator=_generator("images"))


def sample_inputs(info: DataInfo, count: int = 4) -> Tensor:
    """Return normalised images as model inputs, float32 (count, C, H, W)."""
    mean, std = (torch.tensor(values).view(1, -1, 1, 1) for values in (info.mean, info.std))
    return (sample_images(info, count) / 255 - mean) / std


def sample_background(info: DataInfo, count: int = 16) -> Background:
    """Return background samples of noise; they are not the sample images."""
    return Background.of(sample_inputs(info, count + 4)[4:].flip(-1), sample_labels(info, count))


def sample_labels(info: DataInfo, count: int = 4) -> Tensor:
    """Return labels, int64 (count,), that cycle through the classes."""
    return torch.arange(count) % info.num_classes


def sample_label_sets(info: DataInfo, count: int = 4) -> Tensor:
    """Return sets of labels, float32 (count, K), of none, one, two and three labels in turn."""
    rows = torch.arange(count)
    sets = torch.zeros(count, info.num_classes)
    for number in range(3):
        has = rows % 4 > number
        sets[rows[has], (rows[has] // 4 + 2 * number) % info.num_classes] = 1
    return sets


def sample_model(info: DataInfo) -> nn.Module:
    """Build a small network with batch norm, dropout and a buffer that is not in the state dict."""
    return SampleNet(info.channels, info.num_classes)


class SampleNet(nn.Module):
    """Maps images (B, C, H, W) to logits (B, K): two convolutions with batch norm, average pooling, dropout."""

    def __init__(self, channels: int, classes: int, width: int = 8) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(channels, width, 3, padding=1, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(2),
            nn.Conv2d(width, 2 * width, 3, padding=1, bias=False),
            nn.BatchNorm2d(2 * width),
            nn.ReLU(inplace=True),
        )
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.head = nn.Sequential(nn.Flatten(), nn.Dropout(0.1), nn.Linear(2 * width, classes))
        self.seen: Tensor
        self.register_buffer("seen", torch.zeros((), dtype=torch.int64), persistent=False)

    def forward(self, images: Tensor) -> Tensor:
        """Return the logits; in training mode, count the images."""
        if self.training:
            self.seen += len(images)
        logits: Tensor = self.head(self.pool(self.features(images)))
        return logits


class CountingLoss(nn.CrossEntropyLoss):
    """Cross-entropy with a buffer that counts the calls."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: Tensor
        self.register_buffer("asked", torch.zeros((), dtype=torch.int64))

    def forward(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Return the mean loss over the batch."""
        self.asked += 1
        return super().forward(logits, labels)


def sample_loss(info: DataInfo) -> nn.Module:
    """Build a loss with a state."""
    return CountingLoss()


class Dimming(nn.Module):
    """Makes images (B, C, H, W) slightly darker, depending on the number of previous batches, which is its state."""

    def __init__(self) -> None:
        super().__init__()
        self.batches: Tensor
        self.register_buffer("batches", torch.zeros((), dtype=torch.int64), persistent=False)

    def forward(self, images: Tensor) -> Tensor:
        """Return darker images."""
        self.batches += 1
        return images * (1 - 0.01 * (self.batches % 10))


def sample_augmentation(info: DataInfo) -> nn.Module:
    """Build an augmentation with a state."""
    return Dimming()


def sample_data(root: Path) -> Splits:
    """Return 256 training and 32 test images, 3x16x16, one noisy colour per class; `root` is not used."""
    info = sample_info(height=16, width=16)
    colours = torch.rand(info.num_classes, 3, 1, 1, generator=_generator("colours"))

    def split(half: str, count: int) -> TensorSplit:
        labels = sample_labels(info, count)
        noise = torch.rand(count, 3, info.height, info.width, generator=_generator(half))
        return TensorSplit((colours[labels] * 170 + noise * 85).to(torch.uint8), labels)

    return Splits(split("train", 256), split("test", 32), info, digest="cvkit-testing-colours-1")


class SamplePlugin:
    """Declares the sample parts, including a loss and an augmentation with a state, for the recipes of suites."""

    @hookimpl
    def cvkit_datasets(self) -> Iterator[Component]:
        """Declare the data set of colours."""
        yield Component("colours", "cvkit.testing.sample_parts:sample_data", "Ten noisy colours")

    @hookimpl
    def cvkit_models(self) -> Iterator[Component]:
        """Declare the small network."""
        yield Component("net", "cvkit.testing.sample_parts:sample_model", "A small network")

    @hookimpl
    def cvkit_losses(self) -> Iterator[Component]:
        """Declare the loss that counts its calls."""
        yield Component("counting", "cvkit.testing.sample_parts:sample_loss", "Cross-entropy with a state")

    @hookimpl
    def cvkit_augmentations(self) -> Iterator[Component]:
        """Declare the augmentation that counts its batches."""
        yield Component("dimming", "cvkit.testing.sample_parts:sample_augmentation", "Dimming with a state")


def _generator(purpose: str) -> torch.Generator:
    return torch.Generator().manual_seed(derive(f"cvkit.testing/{purpose}"))
