"""Maps equal those of pytorch-grad-cam, torchcam and captum under the preset of each, where the library is right."""

from __future__ import annotations

import copy
from dataclasses import replace

import pytest
import pytorch_grad_cam
import torch
import torchcam.methods
from captum.attr import LayerAttribution, LayerGradCam
from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget
from torch import nn

from cvkit_gradcam.eigen_cam import eigen_cam
from cvkit_gradcam.grad_cam import grad_cam
from cvkit_gradcam.grad_cam_pp import grad_cam_pp
from cvkit_gradcam.hires_cam import hires_cam
from cvkit_gradcam.layer_cam import layer_cam
from cvkit_gradcam.score_cam import score_cam
from cvkit_resnet.network import custom_resnet

TARGETS = torch.tensor([0, 3, 3, 9])
# Of pytorch-grad-cam's, which adds in another order, it is a share of the signed map's range: float32 rounds by that.
WITHIN = {"pytorch-grad-cam": 1e-5, "torchcam": 0.0, "captum": 0.0}
every_case = pytest.mark.parametrize(
    ("method", "library", "theirs"),
    [
        (grad_cam, "pytorch-grad-cam", "GradCAM"),
        (hires_cam, "pytorch-grad-cam", "HiResCAM"),
        (layer_cam, "pytorch-grad-cam", "LayerCAM"),
        (grad_cam, "torchcam", "GradCAM"),
        (layer_cam, "torchcam", "LayerCAM"),
        (grad_cam, "captum", "LayerGradCam"),
    ],
)


def maps_of(library: str, name: str, model: nn.Module, layer: str, images: torch.Tensor) -> torch.Tensor:
    """Return the maps (B, H, W) of a library's method at the images' size, made on a copy of the model."""
    model, size = copy.deepcopy(model), tuple(images.shape[-2:])
    if library == "pytorch-grad-cam":
        with getattr(pytorch_grad_cam, name)(model, [model.get_submodule(layer)]) as cam:
            return torch.from_numpy(cam(images, [ClassifierOutputTarget(int(target)) for target in TARGETS]))
    if library == "torchcam":
        with getattr(torchcam.methods, name)(model, layer) as cam:
            (low,) = cam(TARGETS.tolist(), model(images))
        return torchcam.methods.GradCAM.fuse_cams([low, low], size)  # of one map alone it would not resize
    low = LayerGradCam(model, model.get_submodule(layer)).attribute(images, target=TARGETS)
    return LayerAttribution.interpolate(low, size, "bilinear")[:, 0].detach()


def assert_equal(ours: torch.Tensor, expected: torch.Tensor, library: str) -> None:
    """Hold maps to a library's within its tolerance; maps of nothing but zeros would prove nothing."""
    assert expected.flatten(1).any(dim=1).sum() >= 2
    assert (ours - expected).abs().max() <= WITHIN[library]


def deep(shape: tuple[int, ...], info) -> nn.Module:
    """Return a small custom ResNet for such images, with running statistics that are not those of initialisation."""
    model = custom_resnet(replace(info, height=shape[2], width=shape[3]), width=4)
    for _ in range(3):
        model(torch.randn(shape))
    return model.eval()


class AsFloat(nn.Module):
    """A layer that passes on what it is given in full precision."""

    def forward(self, values):
        return values.float()


def net_in_full_precision_at(layer: int = 3) -> nn.Sequential:
    """Return a net whose layer gives float32 under autocast too."""
    body = [nn.Conv2d(3, 6, 3, padding=1), nn.BatchNorm2d(6), nn.ReLU(), nn.Conv2d(6, 8, 3, stride=2)]
    head = [nn.ReLU(), nn.Conv2d(8, 8, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 10)]
    return nn.Sequential(*body, AsFloat(), *head).eval()


@every_case
@pytest.mark.parametrize("shape", [(4, 3, 32, 32), (4, 3, 64, 96)])
@pytest.mark.parametrize("layer", ["layer3", "layer2"])
@pytest.mark.parametrize("order", [torch.contiguous_format, torch.channels_last])
def test_maps_equal_the_librarys(info, method, library, theirs, shape, layer, order):
    """In a batch, square or not, at two depths, in both orders of memory."""
    model = deep(shape, info).to(memory_format=order)
    images = torch.randn(shape).to(memory_format=order)
    expected = maps_of(library, theirs, model, layer, images)
    ours = method(model, layer=layer, compat=library)(images, TARGETS)
    assert_equal(ours, expected, library)


@every_case
@pytest.mark.parametrize("state", ["frozen", "no_grad", "inference_mode"])
def test_maps_equal_the_librarys_where_it_would_fail_for_want_of_a_graph(info, method, library, theirs, state):
    """The library is given the model as it needs it, ours the model as it is held."""
    shape = (4, 3, 64, 32)
    model, images = deep(shape, info), torch.randn(shape)
    expected = maps_of(library, theirs, model, "layer3", images)
    model.requires_grad_(state != "frozen")
    with torch.set_grad_enabled(state != "no_grad"), torch.inference_mode(state == "inference_mode"):
        ours = method(model, layer="layer3", compat=library)(images, TARGETS)
    assert_equal(ours, expected, library)


@every_case
def test_maps_equal_the_librarys_under_bf16_autocast(method, library, theirs):
    """At a layer whose output is float32; of others the libraries make bf16 maps, or none at all."""
    images = torch.randn(4, 3, 32, 48)
    model = net_in_full_precision_at()
    with torch.autocast("cpu", torch.bfloat16):
        expected = maps_of(library, theirs, model, "4", images)
        ours = method(model, layer="4", compat=library)(images, TARGETS)
    assert_equal(ours, expected, library)
    assert not torch.equal(ours, method(model, layer="4", compat=library)(images, TARGETS))  # autocast did something


@pytest.mark.parametrize(("library", "theirs"), [("torchcam", "GradCAM"), ("captum", "LayerGradCam")])
def test_maps_of_bf16_layers_differ_by_the_rounding_of_the_librarys(info, library, theirs):
    """Ours are computed in float32 from the same bf16 values; a bf16 number has eight significant bits."""
    shape = (4, 3, 64, 96)
    model, images = deep(shape, info), torch.randn(shape)
    with torch.autocast("cpu", torch.bfloat16):
        expected = maps_of(library, theirs, model, "layer3", images)
        ours = grad_cam(model, layer="layer3", compat=library)(images, TARGETS)
    assert expected.dtype == torch.bfloat16
    assert ours.dtype == torch.float32
    assert (ours - expected).abs().max() <= 0.05 * ours.abs().max()


@every_case
def test_maps_of_a_layer_before_an_in_place_relu_equal_the_librarys_of_the_twin_without(
    method, library, theirs, small_net
):
    """What the libraries make of such a net itself is in the tests of their faults."""
    plain, in_place = small_net(), small_net(inplace=True)
    in_place.load_state_dict(plain.state_dict())
    images = torch.randn(4, 3, 24, 40)
    expected = maps_of(library, theirs, plain, "1", images)
    ours = method(in_place, layer="1", compat=library)(images, TARGETS)
    assert_equal(ours, expected, library)


@pytest.mark.parametrize(("method", "theirs"), [(grad_cam, "GradCAM"), (layer_cam, "LayerCAM")])
def test_rectified_maps_equal_torchcams_that_are_not_normalised(model, images, method, theirs):
    """To the last bit, at the layer's resolution."""
    with getattr(torchcam.methods, theirs)(model, "layer3") as cam:
        (expected,) = cam(TARGETS.tolist(), model(images), normalized=False)
    assert torch.equal(method(model, layer="layer3").explain(images, TARGETS).rectified, expected)


def test_raw_map_equals_captums(model, images):
    """To the last bit, signed."""
    expected = LayerGradCam(model, model.layer3).attribute(images, target=TARGETS)[:, 0]
    found = grad_cam(model, layer="layer3", compat="captum").explain(images, TARGETS)
    assert torch.equal(found.raw, expected)
    assert found.maps.min() < 0


@pytest.mark.parametrize("shape", [(4, 3, 32, 32), (4, 3, 64, 96)])
@pytest.mark.parametrize("layer", ["layer3", "layer2"])
def test_grad_cam_pp_equals_pytorch_grad_cam_where_gradients_are_large(
    info, shape, layer, steep, of_pytorch_grad_cam
):
    """Above its constant of 1e-6, which drowns small ones."""
    images, model = torch.randn(shape), steep(deep(shape, info), 1e5).eval()
    expected = of_pytorch_grad_cam("GradCAMPlusPlus", model, f"network.{layer}", images, TARGETS)
    ours = grad_cam_pp(model, layer=f"network.{layer}", compat="pytorch-grad-cam")(images, TARGETS)
    assert (ours - expected).abs().max() < 1e-5


def test_score_cam_equals_pytorch_grad_cam_where_masks_need_no_resizing(model, images, steep, of_pytorch_grad_cam):
    """At a layer of the image's own size; at others it aligns corners, which the paper's code does not."""
    net = steep(model, 100.0).eval()  # a small net's own scores hardly tell its channels apart
    expected = of_pytorch_grad_cam("ScoreCAM", net, "network.prep", images, TARGETS)
    ours = score_cam(net, layer="network.prep", compat="pytorch-grad-cam")(images, TARGETS)
    assert (ours - expected).abs().max() < 1e-5


def test_score_cam_equals_torchcam_where_masks_need_no_resizing(model, images, steep):
    """At a layer of the image's own size; at others it stretches the masks before it resizes them."""
    net = steep(model, 100.0).eval()
    with torchcam.methods.ScoreCAM(net, "network.prep") as cam:
        net(images)
        (expected,) = cam(TARGETS.tolist())
    ours = score_cam(net, layer="network.prep", compat="torchcam")(images, TARGETS)
    assert (ours - expected).abs().max() < 1e-5


@every_case
def test_preset_leaves_the_maps_of_the_layer_as_they_are(model, images, method, library, theirs):
    """Only what is shown is scaled and resized otherwise."""
    found, plain = (method(model, compat=compat).explain(images, TARGETS) for compat in (library, None))
    assert torch.equal(found.raw, plain.raw)
    assert torch.equal(found.rectified, plain.rectified)
    assert not torch.equal(found.maps, plain.maps)


@pytest.mark.parametrize(
    ("method", "options", "value"),
    [
        (hires_cam, {"compat": "torchcam"}, "hires_cam"),
        (eigen_cam, {"compat": "captum"}, "eigen_cam"),
        (layer_cam, {"compat": "captum"}, "layer_cam"),
        (grad_cam, {"compat": "captum", "normalize": "none"}, "normalize: none"),
    ],
)
def test_preset_that_does_not_fit_is_refused(model, method, options, value, wording):
    """A method that the library lacks, and two ways to normalise at once."""
    with pytest.raises(ValueError, match=value) as caught:
        method(model, **options)
    assert options["compat"] in str(caught.value)
    assert str(caught.value) == wording


@pytest.mark.parametrize(
    ("method", "theirs"), [(grad_cam, "GradCAM"), (hires_cam, "HiResCAM"), (layer_cam, "LayerCAM")]
)
def test_difference_from_pytorch_grad_cam_is_a_share_of_the_signed_maps_range(model, images, method, theirs):
    """What is shown differs by as much more as the positive part of the range is stretched to [0, 1]."""
    copied, signed = copy.deepcopy(model), []
    with getattr(pytorch_grad_cam, theirs)(copied, [copied.layer3]) as cam:
        made = cam.get_cam_image
        cam.get_cam_image = lambda *given: signed.append(torch.from_numpy(made(*given))) or signed[0].numpy()
        cam(images, [ClassifierOutputTarget(int(target)) for target in TARGETS])
    raw = method(model, layer="layer3").explain(images, TARGETS).raw
    span = raw.amax((1, 2)) - raw.amin((1, 2))
    assert ((raw - signed[0]).abs().amax((1, 2)) <= WITHIN["pytorch-grad-cam"] * span).all()
