"""Baseline maps that do not use the model. A useful explanation must score better than these."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import torch
from torch import Tensor
from torch.nn.functional import conv2d, pad

from ...seeding import derive
from .blur import blurred

_ROUNDING = 1e-4  # rounding errors of float32 without any contrast; a real contrast is at least 1 / 765

Baseline = Callable[[Tensor, Tensor], Tensor]
"""Maps uint8 images (N, C, H, W) and int64 targets (N,) to maps, float32 (N, H, W) in [0, 1], without a model."""


def random_map(images: Tensor, targets: Tensor) -> Tensor:
    """Return uniform noise that depends only on the targets."""
    generator = torch.Generator().manual_seed(derive("random maps", *targets.tolist()))
    return torch.rand((len(images), *images.shape[-2:]), generator=generator)


def centred_gaussian(images: Tensor, targets: Tensor) -> Tensor:
    """Return a centred Gaussian, with a standard deviation of a quarter of each side, for objects in the middle.

    If a side is even, the peak is the second of the two middle pixels, so that the maximum is unique.
    """
    bells = [torch.exp(-0.5 * ((torch.arange(side) - side // 2) / (side / 4)) ** 2) for side in images.shape[-2:]]
    return torch.outer(*bells).expand(len(images), -1, -1).clone()


def edges(images: Tensor, targets: Tensor) -> Tensor:
    """Return the magnitude of the Sobel gradient (Sobel & Feldman 1968) of the image, averaged over channels.

    Adebayo et al. 2018 show that some explanations are similar to an edge detector.
    """
    grey = pad(as_float(images).mean(dim=1, keepdim=True), (1, 1, 1, 1), mode="replicate")
    across = torch.tensor([[-1.0, 0.0, 1.0], [-2.0, 0.0, 2.0], [-1.0, 0.0, 1.0]])
    gradients = conv2d(grey, torch.stack([across, across.T])[:, None])
    return _to_unit_range(gradients.square().sum(dim=1).sqrt())


def blurred_contrast(images: Tensor, targets: Tensor) -> Tensor:
    """Return the distance of each pixel to the image's mean colour, blurred by a sixteenth of the shorter side."""
    floats = as_float(images)
    contrast = (floats - floats.mean(dim=(2, 3), keepdim=True)).square().sum(dim=1, keepdim=True).sqrt()
    return _to_unit_range(blurred(contrast, min(images.shape[-2:]) / 16)[:, 0])


BASELINES: Mapping[str, Baseline] = MappingProxyType(
    {
        "uniform noise": random_map,
        "centred Gaussian": centred_gaussian,
        "Sobel edges": edges,
        "blurred contrast": blurred_contrast,
    }
)
"""Baselines by name. The names have two words, so that they differ from names of components."""


def baseline_maps(images: Tensor, targets: Tensor) -> dict[str, Tensor]:
    """Return the maps of every baseline by name."""
    return {name: baseline(images, targets) for name, baseline in BASELINES.items()}


def as_float(images: Tensor) -> Tensor:
    """Return uint8 images as float32 in [0, 1]."""
    return images.float() / 255


def _to_unit_range(maps: Tensor) -> Tensor:
    peak = maps.amax(dim=(1, 2), keepdim=True)
    return torch.where(peak > _ROUNDING, maps / peak, 0.0)
