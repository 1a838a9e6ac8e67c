"""Concepts are explained on any device; their activations are averaged in float64, which Apple's GPUs do not have."""

from __future__ import annotations

import numpy as np
import torch
from PIL import Image
from torch import nn

from cvkit import Background, DataInfo
from cvkit_gradcam.concept import concept


def test_concept_on_the_device_is_that_of_the_cpu(any_gpu, tmp_path):
    """The layer is named, and the maps of both devices are nearly equal."""
    draw = np.random.default_rng(0)
    for number in range(20):
        Image.fromarray(draw.integers(0, 256, (16, 16, 3), np.uint8)).save(tmp_path / f"{number}.png")
    info = DataInfo(3, 16, 16, ("a", "b"), (0.5,) * 3, (0.25,) * 3)
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(3, 4, 3),
        nn.ReLU(),
        nn.Conv2d(4, 4, 3),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(4, 2),
    )
    images = torch.randn(40, 3, 16, 16)
    maps = []
    for device in (torch.device("cpu"), any_gpu.device):
        given = Background.of(images.to(device), torch.zeros(40, dtype=torch.int64, device=device))
        explainer = concept(model.to(device), info, given, folder=tmp_path, layer="1")
        maps.append(explainer(images[:2].to(device), torch.tensor([0, 1], device=device)).cpu())
    torch.testing.assert_close(maps[1], maps[0], rtol=1e-3, atol=1e-4)
