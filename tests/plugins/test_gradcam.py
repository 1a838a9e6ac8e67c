"""Grad-CAM equals the reference where that is right, and leaves the model as it found it."""

from __future__ import annotations

import copy
from dataclasses import replace

import pytest
import torch
from pytorch_grad_cam import GradCAM
from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

from cvkit import RunError
from cvkit_gradcam.grad_cam import grad_cam
from cvkit_gradcam.gradients import gradient_at
from cvkit_gradcam.layers import choose_layer
from cvkit_gradcam.normalize import divided_by_maximum
from cvkit_gradcam.targets import Targets
from cvkit_resnet.network import custom_resnet

TARGETS = torch.tensor([0, 3, 3, 9])


@pytest.mark.parametrize("shape", [(4, 3, 32, 32), (4, 3, 64, 96)])
@pytest.mark.parametrize("layer", ["layer3", "layer2", "prep"])
def test_maps_equal_pytorch_grad_cam(info, shape, layer):
    """Within 1e-5 under its normalisation, at three depths, square or not."""
    images = torch.randn(shape)
    model = custom_resnet(replace(info, height=shape[2], width=shape[3]), width=4).eval()
    reference = copy.deepcopy(model)
    with GradCAM(reference, [reference.get_submodule(layer)]) as cam:
        expected = cam(images, [ClassifierOutputTarget(int(target)) for target in TARGETS])
    ours = grad_cam(model, layer=layer, normalize="minmax")(images, TARGETS)
    assert abs(ours.numpy() - expected).max() < 1e-5


def test_raw_map_is_the_gradient_weighted_sum_of_channels(model, images):
    """Against plain autograd through the whole net, exactly as the paper writes it."""
    model.eval()
    kept = []

    def keep(module, inputs, output):
        output.retain_grad()
        kept.append(output)

    handle = model.layer3.register_forward_hook(keep)
    logits = model(images)
    handle.remove()
    logits[torch.arange(4), TARGETS].sum().backward()
    expected = (kept[0].grad.mean((2, 3), keepdim=True) * kept[0]).sum(1)
    torch.testing.assert_close(grad_cam(model, layer="layer3").explain(images, TARGETS).raw, expected.detach())


def test_model_is_left_as_found(model, images):
    """Modes one by one, weights, buffers, .grad, requires_grad and hooks."""
    model.train()
    model.layer2.eval()
    model.prep[0].weight.requires_grad_(False)
    model.linear.weight.grad = torch.ones_like(model.linear.weight)
    before = copy.deepcopy(model.state_dict())
    modes = [m.training for m in model.modules()]
    grad_cam(model)(images, TARGETS)
    assert [m.training for m in model.modules()] == modes
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())
    assert not any(m._forward_hooks or m._backward_hooks or m._forward_pre_hooks for m in model.modules())
    assert [n for n, p in model.named_parameters() if p.grad is not None] == ["linear.weight"]
    assert not model.prep[0].weight.requires_grad


def test_hooks_and_modes_are_restored_after_an_error(model):
    """Images of a wrong shape."""
    model.train()
    with pytest.raises(RuntimeError):
        grad_cam(model, layer="layer3")(torch.randn(2, 5, 32, 32), TARGETS[:2])
    assert model.training
    assert torch.is_grad_enabled()
    assert not any(m._forward_hooks for m in model.modules())


@pytest.mark.parametrize("context", [torch.no_grad, torch.inference_mode, torch.enable_grad])
def test_context_of_the_caller_does_not_matter(model, images, context):
    """Under no_grad and inference mode too, and the context is still in force afterwards."""
    expected = grad_cam(model)(images, TARGETS)
    with context():
        enabled = torch.is_grad_enabled()
        maps = grad_cam(model)(images, TARGETS)
        assert torch.is_grad_enabled() == enabled
    assert torch.equal(maps, expected)


def test_frozen_model_is_explained(model, images):
    """No parameter requires a gradient."""
    expected = grad_cam(model)(images, TARGETS)
    model.requires_grad_(False)
    torch.testing.assert_close(grad_cam(model)(images, TARGETS), expected)


def test_no_gradient_is_computed_before_the_cut(model, images):
    """The trunk records no graph: that is where the time is saved."""
    graphs, layer = [], choose_layer(model, images[:1], "layer3")
    handle = model.layer2.register_forward_hook(lambda m, i, o: graphs.append(o.requires_grad))
    gradient_at(model.eval(), layer, images, Targets(TARGETS[:, None]))
    handle.remove()
    assert graphs == [False]


def test_maps_lie_in_the_unit_interval_and_peak_at_one(model, images):
    """Each on its own scale, at the images' size."""
    maps = grad_cam(model)(images, TARGETS)
    assert maps.shape == (4, 32, 32)
    assert maps.dtype == torch.float32
    assert not maps.requires_grad
    assert float(maps.min()) >= 0
    peaks = maps.amax(dim=(1, 2))
    assert set(peaks.tolist()) <= {0.0, 1.0}
    assert 1.0 in peaks


def test_map_without_positive_evidence_is_zero_not_noise():
    """Divided by its maximum only where that is positive, however tiny it is."""
    maps = torch.stack([torch.zeros(2, 2), torch.tensor([[0.0, 1e-30], [5e-31, 0.0]])])
    torch.testing.assert_close(divided_by_maximum(maps), torch.tensor([[[0.0, 0], [0, 0]], [[0, 1], [0.5, 0]]]))


def test_map_that_is_not_a_number_does_not_pass_for_an_empty_one(model, images):
    """A model that has diverged finds nothing, but a black map would say that nothing speaks for the class."""
    with torch.no_grad():
        model.linear.weight.fill_(torch.nan)
    assert grad_cam(model, layer="layer3")(images, TARGETS).isnan().all()


def test_each_image_is_explained_for_its_own_class(model, images):
    """Changing one target changes one map."""
    maps = grad_cam(model, normalize="none")(images, TARGETS)
    other = grad_cam(model, normalize="none")(images, torch.tensor([0, 5, 3, 9]))
    changed = [not torch.allclose(a, b, atol=1e-6) for a, b in zip(maps, other, strict=True)]
    assert changed == [False, True, False, False]


def test_unknown_layer_lists_those_there_are(model, wording):
    """The top level is enough to go on."""
    with pytest.raises(ValueError, match="'layer9'") as caught:
        grad_cam(model, layer="layer9")
    assert "prep, layer1, layer2, layer3, pool, linear" in str(caught.value)
    assert str(caught.value) == wording


def test_layer_that_is_not_a_grid_is_refused(model, images):
    """The message says what its output is."""
    with pytest.raises(RunError, match="'linear'") as caught:
        grad_cam(model, layer="linear")(images, TARGETS)
    assert "(B, 10)" in str(caught.value)
