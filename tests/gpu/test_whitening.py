"""The first kernel of airbench is computed from images on any device, in float64, which Apple's GPUs do not have."""

from __future__ import annotations

import torch

from cvkit_speedrun.whitening import whitening_filters


def test_whitening_of_images_on_the_device_is_that_of_the_cpu(any_gpu):
    """The numbers are the same, because only the copy is from the device."""
    images = torch.rand(5, 3, 8, 8)
    found = whitening_filters(images.to(any_gpu.device), 2, 5e-4)
    assert torch.equal(found.cpu(), whitening_filters(images, 2, 5e-4))
