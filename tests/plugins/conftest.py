"""What tests of the built-in plugins share."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from cvkit import DataInfo, Origin, discover
from cvkit.engine.assembly import build_parts
from cvkit.engine.parts import RunParts
from cvkit.recipe import read_text, resolve
from cvkit.testing.sample_parts import SamplePlugin
from cvkit_resnet.network import custom_resnet

COLOURS = """
dataset: sample/colours
augmentations: [horizontal_flip, {name: cutout, size: 4}]
model: sample/net
optimizer: {name: sgd, momentum: 0.9}
scheduler: {name: one_cycle, max_lr: auto}
tuners: [{name: lr_range_test, set: scheduler.max_lr, start_lr: 1e-3, end_lr: 30.0, steps: 40}]
train: {epochs: 2, batch_size: 32}
"""


@pytest.fixture
def info() -> DataInfo:
    """Ten classes of 32x32 RGB images."""
    return DataInfo(3, 32, 32, tuple("abcdefghij"), (0.49, 0.48, 0.45), (0.25, 0.24, 0.26))


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)


@pytest.fixture
def model(info) -> nn.Module:
    """A small custom ResNet in evaluation mode, with running statistics that are not those of initialisation."""
    model = custom_resnet(info, width=4)
    for _ in range(3):
        model(torch.randn(16, 3, 32, 32))
    return model.eval()


@pytest.fixture
def images() -> Tensor:
    """Four images of noise."""
    return torch.randn(4, 3, 32, 32)


@pytest.fixture
def small_net() -> Callable[..., nn.Sequential]:
    """Make a net of one convolution, batch norm (layer 1), ReLU and a linear head, in evaluation mode."""

    def make(inplace: bool = False) -> nn.Sequential:
        head = [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(6, 10)]
        return nn.Sequential(nn.Conv2d(3, 6, 3, padding=1), nn.BatchNorm2d(6), nn.ReLU(inplace=inplace), *head).eval()

    return make


@pytest.fixture
def steep() -> type[nn.Module]:
    """A network whose logits are multiplied, so that its gradients are."""

    class Steep(nn.Module):
        def __init__(self, network: nn.Module, factor: float) -> None:
            super().__init__()
            self.network, self.factor = network, factor

        def forward(self, images):
            return self.network(images) * self.factor

    return Steep


@pytest.fixture
def of_pytorch_grad_cam() -> Callable[..., Tensor]:
    """Make pytorch-grad-cam's maps by the name of its class, on a copy of the model."""
    import pytorch_grad_cam  # heavy, and only these tests need it
    from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

    def maps(name: str, model: nn.Module, layer: str, images: Tensor, targets: Tensor, **options: bool) -> Tensor:
        model = copy.deepcopy(model)
        wanted = [ClassifierOutputTarget(target) for target in targets.tolist()]
        with getattr(pytorch_grad_cam, name)(model, [model.get_submodule(layer)]) as cam:
            return torch.from_numpy(cam(images, wanted, **options))

    return maps


@pytest.fixture
def covariance_with_energy() -> Callable[[Tensor, Tensor], Tensor]:
    """Tell how each map (B, h, w) goes with the energy of its activation (B, c, h, w) over the places."""

    def covariances(maps: Tensor, activation: Tensor) -> Tensor:
        return ((maps - maps.mean((1, 2), keepdim=True)) * activation.square().sum(1)).sum((1, 2))

    return covariances


@pytest.fixture
def colours_run() -> Callable[..., RunParts]:
    """Build a run of a small network on ten colours, whose learning rate a range test finds; with overrides."""
    catalog = discover()
    catalog.admit(Origin("sample", "in-process", "0"), SamplePlugin())

    def new(*overrides: str) -> RunParts:
        recipe = resolve(read_text(COLOURS, overrides), catalog)
        return build_parts(recipe, recipe.dataset.build(Path("unused")))

    return new
