"""Where the libraries that people use for class activation maps are wrong, a minimal test each; ours beside them."""

from __future__ import annotations

import pytest
import pytorch_grad_cam
import timm
import torch
import torchcam.methods
import torchvision
from captum.attr import LayerGradCam
from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget
from pytorch_grad_cam.utils.svd_on_activations import get_2d_projection
from torch import nn
from torch.nn.functional import interpolate

from cvkit_gradcam.compat import as_torchcam
from cvkit_gradcam.eigen_cam import principal_map
from cvkit_gradcam.grad_cam import grad_cam
from cvkit_gradcam.grad_cam_pp import grad_cam_pp
from cvkit_gradcam.normalize import by_range, resized
from cvkit_gradcam.score_cam import score_cam, unit_range

TARGETS = torch.tensor([0, 3, 3, 9])


# pytorch-grad-cam


@pytest.mark.parametrize("name", ["GradCAM", "GradCAMPlusPlus"])
def test_pytorch_grad_cam_reads_an_activation_that_an_in_place_relu_has_changed(
    images, name, small_net, of_pytorch_grad_cam
):
    """Its maps of two nets that compute the same differ; HiResCAM and LayerCAM are zero there either way."""
    plain, in_place = small_net(), small_net(inplace=True)
    in_place.load_state_dict(plain.state_dict())
    assert torch.equal(plain(images), in_place(images))
    theirs = [of_pytorch_grad_cam(name, net, "1", images, TARGETS) for net in (plain, in_place)]
    assert (theirs[0] - theirs[1]).abs().max() > 0.1


def test_pytorch_grad_cam_destroys_gradients_and_leaves_the_mode_changed(images, small_net):
    """A step of training that had accumulated a gradient loses it."""
    net = small_net().train()
    net[5].weight.grad = torch.ones_like(net[5].weight)
    with pytorch_grad_cam.GradCAM(net, [net[1]]) as cam:
        cam(images, [ClassifierOutputTarget(0)] * 4)
    assert not torch.equal(net[5].weight.grad, torch.ones_like(net[5].weight))
    assert net[0].weight.grad is not None
    assert not net.training


@pytest.mark.parametrize("state", ["frozen", "no_grad"])
def test_pytorch_grad_cam_fails_on_frozen_models_and_without_gradients(images, small_net, state):
    """Nothing then requires a gradient; ours gives the maps that it gives otherwise."""
    net = small_net()
    expected = grad_cam(net, layer="1")(images, TARGETS)
    net.requires_grad_(state != "frozen")
    refused = pytest.raises(RuntimeError, match="does not require grad")
    with torch.set_grad_enabled(state != "no_grad"):
        with pytorch_grad_cam.GradCAM(net, [net[1]]) as cam, refused:
            cam(images, [ClassifierOutputTarget(0)] * 4)
        torch.testing.assert_close(grad_cam(net, layer="1")(images, TARGETS), expected)


def test_constant_in_pytorch_grad_cams_plus_plus_drowns_small_gradients(
    images, small_net, steep, of_pytorch_grad_cam
):
    """Logits scaled to where the cubic term is gone: the map is then that of ReLU'd gradients over two, ours only."""
    net = small_net()
    tiny = steep(net, 1e-4)
    activation = net[:3](images)
    weights = (net[5].weight[TARGETS].relu() / activation[0, 0].numel())[..., None, None]  # the head is linear
    raw = (weights * activation).sum(1).detach()
    expected = raw / raw.amax((1, 2), keepdim=True)
    ours = grad_cam_pp(tiny, layer="network.2")(images, TARGETS)
    theirs = of_pytorch_grad_cam("GradCAMPlusPlus", tiny, "network.2", images, TARGETS)
    torch.testing.assert_close(ours, expected, rtol=1e-2, atol=1e-2)
    assert (theirs - expected).abs().max() > 0.1


def test_pytorch_grad_cam_leaves_the_sign_of_its_eigen_cam_to_chance(covariance_with_energy):
    """Some of its maps are low where the activation is strong; none of ours is."""
    activation = torch.rand(32, 5, 4, 6) ** 4
    theirs, ours = torch.from_numpy(get_2d_projection(activation.numpy())), principal_map(activation)
    assert (covariance_with_energy(theirs, activation) < 0).any()
    assert (covariance_with_energy(ours, activation) > 0).all()


def test_pytorch_grad_cam_centres_the_activation_for_its_eigen_cam():
    """The paper takes the matrix as it is; what all places have in common is lost by centring."""
    activation = torch.full((1, 3, 2, 2), 5.0)
    activation[0, 0, 0, 0] = 4.0
    theirs, ours = torch.from_numpy(get_2d_projection(activation.numpy())), principal_map(activation)
    assert theirs.abs().max() < 1.01
    assert ours.min() > 8


def test_pytorch_grad_cam_fails_under_bf16_autocast(model, images, of_pytorch_grad_cam):
    """It goes through NumPy, which has no such numbers."""
    with torch.autocast("cpu", torch.bfloat16):
        assert grad_cam(model, compat="pytorch-grad-cam")(images, TARGETS).isfinite().all()
        with pytest.raises(TypeError, match="BFloat16"):
            of_pytorch_grad_cam("GradCAM", model, "prep.0", images, TARGETS)


def test_pytorch_grad_cam_aligns_corners_when_it_resizes_the_masks_of_score_cam(
    model, images, steep, of_pytorch_grad_cam
):
    """As the paper's own code does not."""

    def masks(channels, aligned):
        return unit_range(interpolate(channels, (32, 32), mode="bilinear", align_corners=aligned))

    net = steep(model, 1e3).eval()
    aligned, expected = (
        score_cam_by(lambda channels, aligned=aligned: masks(channels, aligned), net, images)
        for aligned in (True, False)
    )
    theirs = of_pytorch_grad_cam("ScoreCAM", net, "network.layer3", images, TARGETS)
    torch.testing.assert_close(by_range(aligned[:, None], (32, 32))[:, 0], theirs, rtol=1e-3, atol=1e-3)
    ours = score_cam(net, layer="network.layer3", compat="pytorch-grad-cam").explain(images, TARGETS)
    torch.testing.assert_close(ours.raw, expected, rtol=1e-3, atol=1e-4)
    assert (ours.maps - theirs).abs().max() > 0.02


# torchcam


def test_torchcams_plus_plus_never_applies_its_denominator(model, images):
    """The division is done in place on a copy that indexing made: its alpha is the squared gradient."""
    with torchcam.methods.GradCAMpp(model, "layer3") as cam:
        (theirs,) = cam(TARGETS.tolist(), model(images), normalized=False)
        activation, gradient = cam.hook_a[0], cam.hook_g[0]
    weights = (gradient**2 * gradient.relu()).sum((2, 3), keepdim=True)
    torch.testing.assert_close(theirs, (weights * activation).sum(1).relu())
    ours = grad_cam_pp(model, layer="layer3", compat="torchcam").explain(images, TARGETS)
    assert (ours.maps - as_torchcam(theirs[:, None], (32, 32))[:, 0]).abs().max() > 0.1


def test_torchcam_reads_an_activation_that_an_in_place_relu_has_changed(images, small_net):
    """It then explains the ReLU's output instead of the layer's."""
    plain, in_place = small_net(), small_net(inplace=True)
    in_place.load_state_dict(plain.state_dict())
    theirs = []
    for net, layer in ((plain, "1"), (in_place, "1"), (plain, "2")):
        with torchcam.methods.GradCAM(net, layer) as cam:
            theirs += cam(TARGETS.tolist(), net(images))
    assert (theirs[0] - theirs[1]).abs().max() > 0.1
    assert torch.equal(theirs[1], theirs[2])


@pytest.mark.parametrize("state", ["frozen", "no_grad"])
def test_torchcam_fails_on_frozen_models_and_without_gradients(images, small_net, state):
    """It differentiates a graph that is not there."""
    net = small_net().requires_grad_(state != "frozen")
    refused = pytest.raises(RuntimeError, match="not connected")
    with torch.set_grad_enabled(state != "no_grad"), torchcam.methods.GradCAM(net, "1") as cam, refused:
        cam(TARGETS.tolist(), net(images))


def test_torchcam_stretches_the_masks_of_score_cam_before_it_resizes_them(model, images, steep):
    """Its documentation, as the paper, has it the other way; resized masks no longer reach one."""
    net = steep(model, 1e3).eval()
    before = score_cam_by(lambda channels: resized(unit_range(channels), (32, 32)), net, images)
    after = score_cam_by(lambda channels: unit_range(resized(channels, (32, 32))), net, images)
    with torchcam.methods.ScoreCAM(net, "network.layer3") as cam:
        net(images)
        (theirs,) = cam(TARGETS.tolist(), normalized=False)
    ours = score_cam(net, layer="network.layer3").explain(images, TARGETS).rectified
    assert (theirs - before).abs().max() < 0.01 * (before - after).abs().max()
    assert (ours - after).abs().max() < 0.01 * (before - after).abs().max()


def test_torchcam_chooses_a_pooling_layer_of_vgg():
    """Its output is the last one that is not flat; test_cam_architectures.py shows that ours is not pooled."""
    with torch.device("meta"):  # its shapes are enough
        net = torchvision.models.vgg11(num_classes=10)
    with torchcam.methods.GradCAM(net, input_shape=(3, 64, 96)) as cam:
        assert isinstance(net.get_submodule(cam.target_names[0]), nn.AdaptiveAvgPool2d)


def test_torchcam_chooses_the_queries_or_keys_of_a_vision_transformer():
    """Four dimensions are a grid to it, be they heads, tokens and channels."""
    net = timm.create_model("test_vit", num_classes=10).eval()
    with torchcam.methods.GradCAM(net, input_shape=(3, 160, 160)) as cam:
        assert cam.target_names[0].endswith("attn.k_norm")


def test_torchcam_fails_on_a_layer_that_returns_a_tuple():
    """As attention does; ours says what it needs."""
    net = torchvision.models.VisionTransformer(32, 8, 2, 2, 16, 32, num_classes=10).eval()
    layer, images = "encoder.layers.encoder_layer_1.self_attention", torch.randn(4, 3, 32, 32)
    with torchcam.methods.GradCAM(net, layer), pytest.raises(AttributeError, match="tuple"):
        net(images)


# captum


def test_captum_moves_the_running_statistics_of_a_model_in_training_mode(small_net, images):
    """It explains the model in the mode in which it comes; ours does so in evaluation mode."""
    net = small_net().train()
    before = net[1].running_mean.clone()
    grad_cam(net, layer="1", compat="captum")(images, TARGETS)
    assert torch.equal(net[1].running_mean, before)
    LayerGradCam(net, net[1]).attribute(images, target=TARGETS)
    assert not torch.equal(net[1].running_mean, before)


@torch.no_grad()
def score_cam_by(masks_of, model, images):
    """Return Score-CAM's signed maps at layer3, image by image, with masks (c, 1, H, W) made of channels."""
    kept = []
    handle = model.network.layer3.register_forward_hook(lambda module, inputs, output: kept.append(output))
    model(images)
    handle.remove()
    maps = []
    for image, activation, target in zip(images, kept[0], TARGETS, strict=True):
        weights = model(image * masks_of(activation[:, None]))[:, target].softmax(0)
        maps.append((weights[:, None, None] * activation).sum(0))
    return torch.stack(maps)
