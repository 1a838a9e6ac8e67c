"""The custom ResNet has the shape it is known for."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from cvkit_resnet.network import custom_resnet


def count(model):
    return sum(parameter.numel() for parameter in model.parameters())


def test_network_of_width_64_has_6_57_million_weights(info):
    """6,573,130 with ten classes."""
    assert count(custom_resnet(info)) == 6_573_130


def test_every_stage_scales_with_the_width(info):
    """The channels of each stage, at a quarter of the default."""
    model = custom_resnet(info, width=16)
    convolutions = [m for m in model.modules() if isinstance(m, torch.nn.Conv2d)]
    assert [c.out_channels for c in convolutions] == [16, 32, 32, 32, 64, 128, 128, 128]


def test_stages_halve_the_image_three_times(info):
    """32 -> 16 -> 8 -> 4, then a max pool of 4."""
    model = custom_resnet(info, width=4)
    shapes = {}
    for name in ("prep", "layer1", "layer2", "layer3", "pool"):
        getattr(model, name).register_forward_hook(
            lambda m, i, o, name=name: shapes.update({name: tuple(o.shape[1:])})
        )
    model(torch.zeros(2, 3, 32, 32))
    assert shapes == {
        "prep": (4, 32, 32),
        "layer1": (8, 16, 16),
        "layer2": (16, 8, 8),
        "layer3": (32, 4, 4),
        "pool": (32, 1, 1),
    }


def test_batch_norm_follows_the_pool(info):
    """conv -> pool -> BN -> ReLU: a quarter of the work of BN before the pool."""
    model = custom_resnet(info, width=4)
    assert [type(module).__name__ for module in model.layer2] == ["Conv2d", "MaxPool2d", "BatchNorm2d", "ReLU"]


def test_residual_block_adds_its_input(info):
    """With its last batch norm at zero the block passes what is positive through."""
    model = custom_resnet(info, width=4).eval()
    block = model.layer3[1]
    for module in block.convs[1]:
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.zeros_(module.weight)
    x = torch.rand(1, 32, 4, 4)
    assert torch.equal(block(x), x)


def test_logits_are_scaled(info):
    """By 0.125 unless told otherwise."""
    model = custom_resnet(info, width=4).eval()
    images = torch.randn(2, 3, 32, 32)
    scaled = model(images)
    model.logit_scale = 1.0
    torch.testing.assert_close(model(images) * 0.125, scaled)
    assert custom_resnet(info, width=4, logit_scale=0.5).logit_scale == 0.5


@pytest.mark.parametrize(("channels", "classes", "side"), [(1, 2, 32), (3, 100, 64), (4, 7, 96)])
def test_channels_classes_and_size_come_from_the_data_set(info, channels, classes, side):
    """Grey or multispectral, any number of classes, any multiple of 32."""
    data = replace(info, channels=channels, classes=tuple(map(str, range(classes))), height=side, width=2 * side)
    assert custom_resnet(data, width=2)(torch.zeros(2, channels, side, 2 * side)).shape == (2, classes)


@pytest.mark.parametrize(("height", "width"), [(28, 28), (32, 33), (16, 16), (224, 100)])
def test_size_it_cannot_take_is_refused_with_what_to_do(info, height, width, wording):
    """Before any data is loaded into it."""
    with pytest.raises(ValueError, match=f"{height}x{width}") as caught:
        custom_resnet(replace(info, height=height, width=width))
    assert str(caught.value).replace(f"{height}x{width}", "<size>") == wording


def test_every_weight_gets_a_gradient(info):
    """No dead parameter."""
    model = custom_resnet(info, width=2)
    model(torch.randn(4, 3, 32, 32)).square().sum().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in model.parameters())
