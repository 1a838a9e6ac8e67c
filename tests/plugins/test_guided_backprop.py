"""Guided Backpropagation: right where it is compared, and leaving nothing behind."""

from __future__ import annotations

import warnings

import pytest
import timm
import torch
import torchvision
from captum.attr import GuidedBackprop as Captums
from torch import nn
from torch.nn import functional

from cvkit import RunError
from cvkit_gradcam.guided_backprop import guided_backprop

TARGETS = torch.tensor([0, 3, 3, 9])


def of_captum(model, images):
    """Return captum's signed gradients."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it tells of the hooks it sets
        return Captums(model).attribute(images.clone(), target=TARGETS).detach()


def two_layers(relu=None):
    torch.manual_seed(0)
    return nn.Sequential(nn.Flatten(), nn.Linear(12, 20), relu or nn.ReLU(), nn.Linear(20, 10)).eval()


class Called(nn.Module):
    """A ReLU called in some other way than as a module."""

    def __init__(self, relu):
        super().__init__()
        self.relu = relu

    def forward(self, values):
        return self.relu(values)


def test_gradient_is_what_a_hand_written_pass_gives():
    """Of a net of one hidden layer: back through the second matrix, both masks, and the first."""
    net, images = two_layers(), torch.randn(4, 3, 2, 2)
    hidden = images.flatten(1) @ net[1].weight.T + net[1].bias
    back = net[3].weight[TARGETS] * (hidden > 0)
    expected = (back.clamp(min=0) @ net[1].weight).reshape(images.shape)
    torch.testing.assert_close(guided_backprop(net).gradient(images, TARGETS), expected.detach())


def test_gradients_equal_captums(model, images):
    """Through residual blocks, batch norm and pooling; plain gradients are others."""
    ours = guided_backprop(model).gradient(images, TARGETS)
    torch.testing.assert_close(ours, of_captum(model, images), rtol=1e-5, atol=1e-8)
    pixels = images.clone().requires_grad_()
    (plain,) = torch.autograd.grad(model(pixels).gather(1, TARGETS[:, None]).sum(), pixels)
    assert not torch.allclose(ours, plain, rtol=0.1, atol=1e-6)


def test_gradients_equal_captums_where_relus_are_in_place(images):
    """torchvision's are, and stand after additions."""
    model = torchvision.models.resnet18(num_classes=10).eval()
    torch.testing.assert_close(
        guided_backprop(model).gradient(images, TARGETS), of_captum(model, images), rtol=1e-4, atol=1e-7
    )


@pytest.mark.parametrize(
    "relu",
    [
        functional.relu,
        torch.relu,
        torch.Tensor.relu,
        lambda values: functional.relu(values, inplace=True),
        lambda values: [functional.relu_(values), values][1],
        lambda values: [values.relu_(), values][1],
        nn.ReLU(inplace=True),
    ],
)
def test_every_way_to_call_a_relu_is_met(relu):
    """Those in place change the tensor itself, which a model may go on with."""
    images = torch.randn(4, 3, 2, 2)
    expected = guided_backprop(two_layers()).gradient(images, TARGETS)
    net = two_layers(Called(relu))
    assert torch.equal(guided_backprop(net).gradient(images, TARGETS), expected)
    plain = images.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(net(plain).gather(1, TARGETS[:, None]).sum(), plain)
    assert not torch.allclose(gradient, expected)  # nothing is left behind: ReLUs are themselves again


def test_model_may_begin_in_place():
    """The images that are explained are not changed by it."""
    images = torch.randn(4, 3, 2, 2)
    before = images.clone()
    gradient = guided_backprop(nn.Sequential(nn.ReLU(inplace=True), two_layers())).gradient(images, TARGETS)
    assert torch.equal(images, before)
    assert not gradient[images <= 0].any()
    assert gradient[images > 0].any()


def test_captum_misses_relus_that_are_called_as_functions():
    """As its documentation warns; its gradient is then the plain one."""
    images = torch.randn(4, 3, 2, 2)
    by_module, by_function = (of_captum(net, images) for net in (two_layers(), two_layers(Called(functional.relu))))
    assert not torch.allclose(by_module, by_function)


def test_map_is_the_largest_absolute_gradient_over_its_maximum(model, images):
    """In [0, 1], an image's maximum being one."""
    explainer = guided_backprop(model)
    strength = explainer.gradient(images, TARGETS).abs().amax(1)
    maps = explainer(images, TARGETS)
    torch.testing.assert_close(maps, strength / strength.amax((1, 2), keepdim=True))
    assert maps.amax((1, 2)).tolist() == [1.0] * 4


def test_several_classes_share_a_forward_pass_and_chunks_change_nothing(model, images):
    """Maps (B, T, H, W), each that of its class alone."""
    targets, calls = torch.tensor([[0, 3, 7]] * 4), []
    alone = torch.stack([guided_backprop(model)(images, column) for column in targets.T], dim=1)
    handle = model.prep.register_forward_hook(lambda module, inputs, output: calls.append(len(output)))
    together = guided_backprop(model, chunk=3)(images, targets)
    handle.remove()
    assert calls == [3, 1]
    torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-5)


def test_maps_under_bf16_autocast_and_in_inference_mode_are_those_of_full_precision_nearly(model, images):
    """And are float32."""
    expected = guided_backprop(model)(images, TARGETS)
    with torch.inference_mode():
        assert torch.equal(guided_backprop(model)(images * 1, TARGETS * 1), expected)
    with torch.autocast("cpu", torch.bfloat16):
        maps = guided_backprop(model)(images, TARGETS)
    assert maps.dtype == torch.float32
    assert (maps - expected).abs().mean() < 0.03


def test_net_without_a_relu_is_refused(wording):
    """Rather than explained by plain gradients that go by another name."""
    net = timm.create_model("test_vit", num_classes=10)
    with pytest.raises(RunError) as caught:
        guided_backprop(net)(torch.randn(4, 3, 160, 160), TARGETS)
    assert str(caught.value) == wording
