"""Features of images, and the images that they make neighbours."""

from __future__ import annotations

import pytest
import timm
import torch
import torchvision
from torch import nn

from cvkit.data.loading import DeviceResidentSource
from cvkit.data.preprocessing import Preprocessor
from cvkit.data.splits import DataInfo, TensorSplit
from cvkit.diagnostics.features import Features
from cvkit.diagnostics.neighbours import nearest
from cvkit.engine.trained_model import TrainedModel

CPU = torch.device("cpu")
INFO = DataInfo(3, 64, 64, tuple("abcdefg"), (0.5,) * 3, (0.5,) * 3)


def trained(model):
    return TrainedModel(model.eval(), INFO, Preprocessor(INFO, [], CPU, False), CPU, 0)


def images(n, size=64):
    return torch.randint(0, 256, (n, 3, size, size), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)


def vit():
    return torchvision.models.VisionTransformer(64, 16, 1, 2, 24, 48, num_classes=7)


NETS = {
    "torchvision/resnet18": (lambda: torchvision.models.resnet18(num_classes=7), 512, "fc"),
    "torchvision/squeezenet1_1": (lambda: torchvision.models.squeezenet1_1(num_classes=7), 512, "classifier.1"),
    "torchvision/vit": (vit, 24, "heads.head"),
    "timm/convnext_atto": (lambda: timm.create_model("convnext_atto", num_classes=7), 320, "head.fc"),
    "timm/mobilenetv3_small_050": (
        lambda: timm.create_model("mobilenetv3_small_050", num_classes=7),
        1024,
        "classifier",
    ),
}


@pytest.mark.parametrize(("make", "width", "layer"), NETS.values(), ids=NETS)
def test_features_are_the_input_of_the_layer_before_the_logits(make, width, layer):
    """Found by watching, whatever the layer is called; the model is left without hooks and in its mode."""
    model = make().train()
    asked = TrainedModel(model, INFO, Preprocessor(INFO, [], CPU, False), CPU, 0)
    features = Features.before_logits(asked, images(2))
    values = features(images(3))
    assert values.shape == (3, width)
    assert model.training
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in model.modules())
    taken = []
    model.get_submodule(layer).register_forward_pre_hook(lambda _, inputs: taken.append(inputs[0]))
    asked.logits(images(3))
    expected = taken[0].mean(dim=(2, 3)) if taken[0].ndim == 4 else taken[0]
    torch.testing.assert_close(values, expected)


def test_tokens_are_pooled_over_places():
    """A linear layer applied to each token leaves one row of features an image."""

    class Tokens(nn.Module):
        def __init__(self):
            super().__init__()
            self.patches, self.head = nn.Conv2d(3, 5, 16, 16), nn.Linear(5, 7)

        def forward(self, x):
            return self.head(self.patches(x).flatten(2).transpose(1, 2)).mean(dim=1)

    model = trained(Tokens())
    with torch.no_grad():
        expected = model.model.patches(model.inputs(images(3))).mean(dim=(2, 3))
    torch.testing.assert_close(Features.before_logits(model, images(2))(images(3)), expected)


class Patches(nn.Module):
    """A classifier that takes every patch for an image of its own, or is given it by name."""

    def __init__(self, by_name):
        super().__init__()
        self.head, self.by_name = nn.Linear(3, 7), by_name

    def forward(self, x):
        colours = x.mean(dim=3).transpose(1, 2)
        if self.by_name:
            return self.head(input=colours).mean(dim=1)
        return self.head(colours.flatten(0, 1)).unflatten(0, colours.shape[:2]).mean(dim=1)


@pytest.mark.parametrize(
    "model",
    [
        Patches(by_name=False),
        Patches(by_name=True),
        nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Softmax(dim=1)),
        nn.Sequential(nn.Conv2d(3, 5, 16, 16), nn.AdaptiveAvgPool2d(1), nn.Flatten()),
    ],
    ids=["not a row an image", "by name", "without weights", "not a value a class"],
)
def test_model_without_such_a_layer_has_no_features(model):
    """It is said, not guessed."""
    assert Features.before_logits(trained(model), images(2)) is None


@pytest.fixture
def neighbourhood():
    """A model whose features are the mean colour, and a split of known colours, more than a batch."""
    model = trained(nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(3, 7)))
    colours = torch.zeros(600, 3, dtype=torch.uint8)
    colours[:] = torch.tensor([255, 0, 0], dtype=torch.uint8)
    colours[7] = torch.tensor([0, 0, 255])
    colours[400] = torch.tensor([10, 0, 255])
    colours[599] = torch.tensor([60, 0, 255])
    split = colours[:, :, None, None].expand(-1, -1, 4, 4).contiguous()
    source = DeviceResidentSource(TensorSplit(split, torch.zeros(600, dtype=torch.int64)), CPU)
    return Features.before_logits(model, split[:2]), split, source


def test_nearest_are_found_across_batches_most_similar_first(neighbourhood):
    """Those of the last batch and of the first are weighed against each other."""
    features, split, source = neighbourhood
    found = nearest(features, split[[7, 0]], source, torch.arange(600))
    assert found.indices.tolist() == [[7, 400, 599], [0, 1, 2]]
    assert found.similarities[0, 0] == pytest.approx(1)
    assert found.similarities[0].diff().max() < 0


def test_only_images_asked_for_are_named(neighbourhood):
    """Fewer candidates than neighbours give as many as there are."""
    features, split, source = neighbourhood
    found = nearest(features, split[[7]], source, torch.tensor([3, 599]))
    assert found.indices.tolist() == [[599, 3]]
    assert found.similarities.shape == (1, 2)
