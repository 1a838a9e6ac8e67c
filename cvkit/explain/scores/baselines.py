"""Maps that know nothing of the model: what an explanation must beat to be worth its time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import torch
from torch import Tensor
from torch.nn.functional import conv2d, pad

from ...seeding import derive
from .blur import blurred

_ROUNDING = 1e-4  # what float32 makes of no contrast at all; a real one is from 1 / 765 on

Baseline = Callable[[Tensor, Tensor], Tensor]
"""Images, uint8 (N, C, H, W), int64 targets (N,) -> maps, float32 (N, H, W) in [0, 1]; no model is asked."""


def random_map(images: Tensor, targets: Tensor) -> Tensor:
    """Return uniform noise, the same whenever the targets are the same."""
    generator = torch.Generator().manual_seed(derive("random maps", *targets.tolist()))
    return torch.rand((len(images), *images.shape[-2:]), generator=generator)


def centred_gaussian(images: Tensor, targets: Tensor) -> Tensor:
    """Return a Gaussian bell, its sigma a quarter of each side: photographers put their object in the middle.

    Of the pixels in the middle of an even side the second is the peak, so that the maximum is no tie.
    """
    bells = [torch.exp(-0.5 * ((torch.arange(side) - side // 2) / (side / 4)) ** 2) for side in images.shape[-2:]]
    return torch.outer(*bells).expand(len(images), -1, -1).clone()


def edges(images: Tensor, targets: Tensor) -> Tensor:
    """Return the magnitude of Sobel's gradient (Sobel & Feldman 1968) of the grey image, the mean of the channels.

    Adebayo et al. 2018 show that some explanations are hardly more than an edge detector.
    """
    grey = pad(as_float(images).mean(dim=1, keepdim=True), (1, 1, 1, 1), mode="replicate")
    across = torch.tensor([[-1.0, 0.0, 1.0], [-2.0, 0.0, 2.0], [-1.0, 0.0, 1.0]])
    gradients = conv2d(grey, torch.stack([across, across.T])[:, None])
    return _to_unit_range(gradients.square().sum(dim=1).sqrt())


def blurred_contrast(images: Tensor, targets: Tensor) -> Tensor:
    """Return how far each pixel's colour is from the image's mean colour, blurred: sigma a sixteenth of the side."""
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
"""By names of two words, which no component's name can be."""


def baseline_maps(images: Tensor, targets: Tensor) -> dict[str, Tensor]:
    """Return every baseline's maps by its name."""
    return {name: baseline(images, targets) for name, baseline in BASELINES.items()}


def as_float(images: Tensor) -> Tensor:
    """Return uint8 images as float32 in [0, 1]."""
    return images.float() / 255


def _to_unit_range(maps: Tensor) -> Tensor:
    peak = maps.amax(dim=(1, 2), keepdim=True)
    return torch.where(peak > _ROUNDING, maps / peak, 0.0)
