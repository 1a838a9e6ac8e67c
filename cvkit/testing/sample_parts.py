"""Small things the suites work with: a data set's info, images, labels, a model, a plan, and a fixed seed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from torch import Tensor, nn

from ..data.splits import DataInfo, Splits, TensorSplit
from ..host.component import Component
from ..host.hookspecs import hookimpl
from ..seeding import derive, preserved_randomness, seed_everything


def sample_info(channels: int = 3, height: int = 32, width: int = 32, classes: int = 10) -> DataInfo:
    """Return what is known of a data set of that shape, its classes named ``class_0`` and so on."""
    names = tuple(f"class_{number}" for number in range(classes))
    return DataInfo(channels, height, width, names, mean=(0.5,) * channels, std=(0.25,) * channels)


@contextmanager
def seeded(number: int = 0) -> Iterator[None]:
    """Seed every global generator by `number`, and put them back afterwards."""
    with preserved_randomness():
        seed_everything("cvkit.testing", number)
        yield


def sample_images(info: DataInfo, count: int = 4) -> Tensor:
    """Return images of noise, uint8 (count, C, H, W), the same each time."""
    shape = (count, info.channels, info.height, info.width)
    return torch.randint(0, 256, shape, dtype=torch.uint8, generator=_generator("images"))


def sample_inputs(info: DataInfo, count: int = 4) -> Tensor:
    """Return normalised images as a model gets them, float32 (count, C, H, W)."""
    mean, std = (torch.tensor(values).view(1, -1, 1, 1) for values in (info.mean, info.std))
    return (sample_images(info, count) / 255 - mean) / std


def sample_labels(info: DataInfo, count: int = 4) -> Tensor:
    """Return labels, int64 (count,), every class in turn."""
    return torch.arange(count) % info.num_classes


def sample_model(info: DataInfo) -> nn.Module:
    """Build a small network with batch norm, dropout and a buffer that no state dict holds."""
    return SampleNet(info.channels, info.num_classes)


class SampleNet(nn.Module):
    """Images (B, C, H, W) -> logits (B, K): two convolutions with batch norm, a mean over places, dropout."""

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
        """Return the logits, counting the images seen in training."""
        if self.training:
            self.seen += len(images)
        logits: Tensor = self.head(self.pool(self.features(images)))
        return logits


class CountingLoss(nn.CrossEntropyLoss):
    """Cross-entropy that counts, in a buffer, how often it was asked."""

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
    """Images (B, C, H, W) -> images a little darker, by how many batches came before: a state."""

    def __init__(self) -> None:
        super().__init__()
        self.batches: Tensor
        self.register_buffer("batches", torch.zeros((), dtype=torch.int64), persistent=False)

    def forward(self, images: Tensor) -> Tensor:
        """Return new images, as dark as the count says."""
        self.batches += 1
        return images * (1 - 0.01 * (self.batches % 10))


def sample_augmentation(info: DataInfo) -> nn.Module:
    """Build an augmentation with a state."""
    return Dimming()


def sample_data(root: Path) -> Splits:
    """Return 256 training and 32 test images, 3x16x16, each class a colour under noise; `root` is not touched."""
    info = sample_info(height=16, width=16)
    colours = torch.rand(info.num_classes, 3, 1, 1, generator=_generator("colours"))

    def split(half: str, count: int) -> TensorSplit:
        labels = sample_labels(info, count)
        noise = torch.rand(count, 3, info.height, info.width, generator=_generator(half))
        return TensorSplit((colours[labels] * 170 + noise * 85).to(torch.uint8), labels)

    return Splits(split("train", 256), split("test", 32), info, digest="cvkit-testing-colours-1")


class SamplePlugin:
    """Declares sample parts, the loss and the augmentation with a state, for recipes that suites run."""

    @hookimpl
    def cvkit_datasets(self) -> Iterator[Component]:
        """Declare the colours."""
        yield Component("colours", "cvkit.testing.sample_parts:sample_data", "Ten colours under noise")

    @hookimpl
    def cvkit_models(self) -> Iterator[Component]:
        """Declare the small network."""
        yield Component("net", "cvkit.testing.sample_parts:sample_model", "A small network")

    @hookimpl
    def cvkit_losses(self) -> Iterator[Component]:
        """Declare the loss that counts."""
        yield Component("counting", "cvkit.testing.sample_parts:sample_loss", "Cross-entropy with a state")

    @hookimpl
    def cvkit_augmentations(self) -> Iterator[Component]:
        """Declare the augmentation that counts."""
        yield Component("dimming", "cvkit.testing.sample_parts:sample_augmentation", "Dimming with a state")


def _generator(purpose: str) -> torch.Generator:
    return torch.Generator().manual_seed(derive(f"cvkit.testing/{purpose}"))
