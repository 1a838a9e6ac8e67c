"""Every method of the family against its formula, the reference where that is right, and the ways models are held."""

from __future__ import annotations

import copy
from dataclasses import replace

import pytest
import pytorch_grad_cam as reference
import torch
from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget
from pytorch_grad_cam.utils.svd_on_activations import get_2d_projection
from torch import nn
from torch.nn.functional import cross_entropy, interpolate

import cvkit_gradcam
from cvkit import RunError
from cvkit.catalog import catalog_of
from cvkit.testing import ExplainerSuite
from cvkit_gradcam.eigen_cam import eigen_cam, principal_map
from cvkit_gradcam.grad_cam import grad_cam
from cvkit_gradcam.grad_cam_pp import grad_cam_pp, weighted_by_alpha
from cvkit_gradcam.hires_cam import hires_cam
from cvkit_gradcam.layer_cam import layer_cam
from cvkit_gradcam.score_cam import score_cam, unit_range
from cvkit_resnet.network import custom_resnet

CATALOG = catalog_of({"gradcam": cvkit_gradcam})
METHODS = [grad_cam, hires_cam, layer_cam, grad_cam_pp, eigen_cam, score_cam]
BY_GRADIENT = METHODS[:4]
TARGETS = torch.tensor([0, 3, 3, 9])
every_method = pytest.mark.parametrize("method", METHODS, ids=lambda method: method.__name__)


def held(component: str, **options: object) -> type[ExplainerSuite]:
    return type("Held", (ExplainerSuite,), {"component": component, "options": options, "catalog": CATALOG})


TestGradCam = held("gradcam/grad_cam", normalize="minmax", chunk=3)
TestHiresCam = held("gradcam/hires_cam")
TestLayerCam = held("gradcam/layer_cam", chunk=1)
TestGradCamPp = held("gradcam/grad_cam_pp", normalize="minmax")
TestEigenCam = held("gradcam/eigen_cam")
TestScoreCam = held("gradcam/score_cam", chunk=5)


@pytest.fixture
def model(info):
    model = custom_resnet(info, width=4)
    for _ in range(3):
        model(torch.randn(16, 3, 32, 32))  # running statistics that are not those of initialisation
    return model.eval()


@pytest.fixture
def images():
    return torch.randn(4, 3, 32, 32)


class Steep(nn.Module):
    """A network whose logits are multiplied, so that its gradients are."""

    def __init__(self, network: nn.Module, factor: float) -> None:
        super().__init__()
        self.network, self.factor = network, factor

    def forward(self, images):
        return self.network(images) * self.factor


def maps_of_reference(method: str, model: nn.Module, layer: str, images, targets=TARGETS):
    """Return pytorch-grad-cam's maps, made on a copy of the model."""
    model = copy.deepcopy(model)
    with getattr(reference, method)(model, [model.get_submodule(layer)]) as cam:
        return torch.from_numpy(cam(images, [ClassifierOutputTarget(int(target)) for target in targets]))


def small_net(inplace: bool = False) -> nn.Sequential:
    head = [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(6, 10)]
    return nn.Sequential(nn.Conv2d(3, 6, 3, padding=1), nn.BatchNorm2d(6), nn.ReLU(inplace=inplace), *head).eval()


# The reference, where it is right


@pytest.mark.parametrize(
    ("method", "theirs", "factor"),
    [
        (hires_cam, "HiResCAM", 1.0),
        (layer_cam, "LayerCAM", 1.0),
        (grad_cam_pp, "GradCAMPlusPlus", 1e4),  # above its constant of 1e-6, which drowns small gradients
    ],
)
@pytest.mark.parametrize("shape", [(4, 3, 32, 32), (4, 3, 64, 96)])
@pytest.mark.parametrize("layer", ["layer3", "layer2"])
def test_maps_equal_pytorch_grad_cam(info, method, theirs, factor, shape, layer):
    """Within 1e-5 under its normalisation, at two depths, square or not."""
    images = torch.randn(shape)
    model = Steep(custom_resnet(replace(info, height=shape[2], width=shape[3]), width=4), factor).eval()
    expected = maps_of_reference(theirs, model, f"network.{layer}", images)
    ours = method(model, layer=f"network.{layer}", normalize="minmax")(images, TARGETS)
    assert (ours - expected).abs().max() < 1e-5


def test_score_cam_equals_pytorch_grad_cam_where_masks_need_no_resizing(model, images):
    """At a layer of the image's own size; at others it aligns corners, which the paper's code does not."""
    expected = maps_of_reference("ScoreCAM", model, "prep", images)
    ours = score_cam(model, layer="prep", normalize="minmax")(images, TARGETS)
    assert (ours - expected).abs().max() < 1e-5


# The reference, where it is wrong


@pytest.mark.parametrize("name", ["GradCAM", "GradCAMPlusPlus"])
def test_pytorch_grad_cam_reads_an_activation_that_an_in_place_relu_has_changed(images, name):
    """Its maps of two nets that compute the same differ; HiResCAM and LayerCAM are zero there either way."""
    plain, in_place = small_net(), small_net(inplace=True)
    in_place.load_state_dict(plain.state_dict())
    assert torch.equal(plain(images), in_place(images))
    theirs = [maps_of_reference(name, net, "1", images) for net in (plain, in_place)]
    assert (theirs[0] - theirs[1]).abs().max() > 0.1


def test_pytorch_grad_cam_destroys_gradients_and_leaves_the_mode_changed(images):
    """A step of training that had accumulated a gradient loses it."""
    net = small_net().train()
    net[5].weight.grad = torch.ones_like(net[5].weight)
    with reference.GradCAM(net, [net[1]]) as cam:
        cam(images, [ClassifierOutputTarget(0)] * 4)
    assert not torch.equal(net[5].weight.grad, torch.ones_like(net[5].weight))
    assert net[0].weight.grad is not None
    assert not net.training


def test_pytorch_grad_cam_fails_on_frozen_models(images):
    """Nothing then requires a gradient; ours gives the maps of the model that is not frozen."""
    net = small_net()
    expected = grad_cam(net, layer="1")(images, TARGETS)
    net.requires_grad_(False)
    with reference.GradCAM(net, [net[1]]) as cam, pytest.raises(RuntimeError, match="does not require grad"):
        cam(images, [ClassifierOutputTarget(0)] * 4)
    torch.testing.assert_close(grad_cam(net, layer="1")(images, TARGETS), expected)


def test_constant_in_pytorch_grad_cams_plus_plus_drowns_small_gradients(images):
    """Logits scaled to where the cubic term is gone: the map is then that of ReLU'd gradients over two, ours only."""
    net = small_net()
    tiny = Steep(net, 1e-4)
    activation = net[:3](images)
    weights = (net[5].weight[TARGETS].relu() / activation[0, 0].numel())[..., None, None]  # the head is linear
    raw = (weights * activation).sum(1).detach()
    expected = raw / raw.amax((1, 2), keepdim=True)
    ours = grad_cam_pp(tiny, layer="network.2")(images, TARGETS)
    theirs = maps_of_reference("GradCAMPlusPlus", tiny, "network.2", images)
    torch.testing.assert_close(ours, expected, rtol=1e-2, atol=1e-2)
    assert (theirs - expected).abs().max() > 0.1


def test_pytorch_grad_cam_leaves_the_sign_of_its_eigen_cam_to_chance():
    """Some of its maps are low where the activation is strong; none of ours is."""
    activation = torch.rand(32, 5, 4, 6) ** 4
    theirs, ours = torch.from_numpy(get_2d_projection(activation.numpy())), principal_map(activation)
    assert (covariance_with_energy(theirs, activation) < 0).any()
    assert (covariance_with_energy(ours, activation) > 0).all()


# The formulas


def test_hires_cam_sums_to_the_logit_less_its_bias_where_one_linear_layer_follows(images):
    """The completeness that the paper proves."""
    net = nn.Sequential(nn.Conv2d(3, 6, 3), nn.ReLU(), nn.Flatten(), nn.Linear(6 * 900, 10)).eval()
    raw = hires_cam(net, layer="1").explain(images, TARGETS).raw
    expected = (net(images) - net[3].bias).gather(1, TARGETS[:, None])[:, 0]
    torch.testing.assert_close(raw.sum((1, 2)), expected.detach(), rtol=1e-4, atol=1e-5)


def test_layer_cam_weights_each_place_by_its_positive_gradient(model, images):
    """Against plain autograd."""
    activation, gradient = activation_and_gradient(model, "layer2", images)
    expected = (gradient.clamp(min=0) * activation).sum(1)
    torch.testing.assert_close(layer_cam(model, layer="layer2").explain(images, TARGETS).raw, expected)


def test_grad_cam_pp_is_what_the_derivatives_of_the_exponential_score_give():
    """First, second and third derivatives of Y = exp(S) by autograd, place by place, as the paper defines alpha."""
    activation = torch.rand(2, 3, 2, dtype=torch.float64, requires_grad=True)
    slope = torch.randn(2, 3, 2, dtype=torch.float64)
    score = (slope * activation).sum()
    first = derivative(score.exp(), activation)
    second, third = torch.zeros_like(activation), torch.zeros_like(activation)
    for place in torch.cartesian_prod(*map(torch.arange, activation.shape)).tolist():
        at = tuple(place)
        again = derivative(first[at], activation)
        second[at] = again[at].detach()
        third[at] = derivative(again[at], activation)[at].detach()
    sums = activation.sum((1, 2), keepdim=True)
    alpha = second / (2 * second + sums * third)
    weights = (alpha * first.relu()).sum((1, 2), keepdim=True)
    expected = (weights * activation).sum(0) / score.exp()
    ours = weighted_by_alpha(activation[None, None], slope[None, None])[0, 0]
    torch.testing.assert_close(ours, expected)
    without_denominators = (slope.relu().sum((1, 2), keepdim=True) * activation).sum(0)
    assert not torch.allclose(ours / ours.max(), without_denominators / without_denominators.max(), rtol=1e-2)


def test_grad_cam_pp_is_finite_where_the_denominator_vanishes():
    """Activations that sum to -2 over a gradient of one."""
    raw = weighted_by_alpha(torch.full((1, 1, 1, 1, 2), -1.0), torch.ones(1, 1, 1, 1, 2))
    assert raw.tolist() == [[[[0.0, 0.0]]]]


def test_eigen_cam_is_the_projection_that_keeps_most_of_the_activation():
    """Rank one by construction: the map is the common pattern, scaled by the channels' norm."""
    pattern = torch.tensor([[0.0, 1.0], [2.0, 5.0]])
    channels = torch.tensor([3.0, -4.0])
    torch.testing.assert_close(principal_map((channels[:, None, None] * pattern)[None])[0], 5 * pattern)


def test_eigen_cam_is_positive_where_the_activation_is_strong():
    """Whatever sign the decomposition comes with, for signed activations too."""
    activation = torch.randn(32, 5, 4, 6)
    assert (covariance_with_energy(principal_map(activation), activation) >= 0).all()
    torch.testing.assert_close(principal_map(activation), principal_map(-activation))


def test_eigen_cam_gives_every_class_the_same_map(model, images):
    """As its documentation warns; no other method does."""
    targets = torch.tensor([[0, 5]] * 4)
    same = {m.__name__: torch.equal(*m(model)(images, targets).unbind(1)) for m in METHODS}
    assert [name for name, equal in same.items() if equal] == ["eigen_cam"]


def test_score_cam_weights_channels_by_the_score_of_what_shows_through_them(model, images):
    """Channel by channel, as the paper's algorithm has it, the baseline's score subtracted."""
    activation, _ = activation_and_gradient(model, "layer3", images)
    with torch.no_grad():
        for index in range(len(images)):
            masks = interpolate(activation[index][:, None], (32, 32), mode="bilinear", align_corners=False)
            baseline = model(torch.zeros(1, 3, 32, 32))[0, TARGETS[index]]
            scores = [model(images[index : index + 1] * unit_range(m))[0, TARGETS[index]] - baseline for m in masks]
            weights = torch.stack(scores).softmax(0)
            expected = (weights[:, None, None] * activation[index]).sum(0)
            ours = score_cam(model, layer="layer3").explain(images, TARGETS).raw[index]
            torch.testing.assert_close(ours, expected, rtol=1e-4, atol=1e-5)


def test_flat_channel_masks_everything():
    """Rather than becoming not a number; one that is not flat, however faint, spans the whole range."""
    masks = torch.tensor([[[3.0, 3.0]], [[0.0, 1e-30]]])
    assert unit_range(masks).tolist() == [[[0.0, 0.0]], [[0.0, 1.0]]]


@pytest.mark.parametrize("chunk", [1, 7, 64])
def test_score_cam_shows_the_model_no_more_images_than_chunk_at_once(model, images, chunk):
    """The masked ones too: that bounds its memory."""
    seen = []
    expected = score_cam(model, layer="layer3")(images, TARGETS)
    handle = model.prep.register_forward_hook(lambda m, i, o: seen.append(len(o)))
    maps = score_cam(model, layer="layer3", chunk=chunk)(images, TARGETS)
    handle.remove()
    assert max(seen) == chunk
    torch.testing.assert_close(maps, expected, rtol=1e-4, atol=1e-4)


# One engine


@every_method
def test_several_classes_are_explained_in_one_forward_pass(model, images, method):
    """Maps (B, T, H, W), each that of its class alone."""
    targets = torch.tensor([[0, 3, 7]] * 4)
    explainer = method(model, layer="layer3")
    alone = torch.stack([explainer(images, column) for column in targets.T], dim=1)
    calls = []
    handle = model.prep.register_forward_hook(lambda m, i, o: calls.append(len(o)))
    together = explainer(images, targets)
    handle.remove()
    assert together.shape == (4, 3, 32, 32)
    torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-5)
    if method is not score_cam:
        assert calls == [4]


@every_method
def test_explanation_keeps_every_stage_and_where_it_came_from(model, images, method):
    """Signed map, rectified map, map at the images' size, what is empty, method, layer and targets."""
    found = method(model).explain(images, TARGETS)
    assert (found.method, found.layer) == (method.__name__, "layer3")
    assert torch.equal(found.targets, TARGETS)
    assert found.raw.shape == (4, 4, 4)
    assert torch.equal(found.rectified, found.raw.clamp(min=0))
    assert torch.equal(found.maps, method(model)(images, TARGETS))
    assert torch.equal(found.empty, found.maps.amax((1, 2)) == 0)


def test_map_without_positive_evidence_is_said_to_be_empty(images):
    """A class whose weights are all negative on activations that are not."""
    net = small_net()
    with torch.no_grad():
        net[5].weight[0], net[5].weight[1] = -1.0, 1.0
    found = grad_cam(net, layer="2").explain(images, torch.tensor([[0, 1]] * 4))
    assert found.empty.tolist() == [[True, False]] * 4
    assert (found.raw[:, 0] < 0).any()
    assert not found.maps[:, 0].any()


@every_method
def test_chunks_bound_how_many_images_are_held_and_change_nothing(model, images, method):
    """Three and one of four images."""
    seen = []
    handle = model.prep.register_forward_hook(lambda m, i, o: seen.append(len(o)))
    maps = method(model, layer="layer3", chunk=3)(images, TARGETS)
    handle.remove()
    assert max(seen) == 3
    torch.testing.assert_close(maps, method(model, layer="layer3")(images, TARGETS), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("targets", "message"),
    [
        (torch.zeros(3, dtype=torch.int64), r"targets of 4 images are \(B,\) or \(B, T\), and these are \(3,\)"),
        (torch.zeros(4, 0, dtype=torch.int64), r"these are \(4, 0\)"),
        (torch.tensor([0, 1, 2, 10]), "no class 10 to explain: the model's are 0 to 9"),
        (torch.tensor([0, 1, 2, -1]), "no class -1"),
    ],
)
def test_targets_that_do_not_fit_are_refused(model, images, targets, message):
    """Their number, and the classes there are."""
    with pytest.raises(RunError, match=message):
        grad_cam(model)(images, targets)


def test_no_images_are_refused(model):
    """There is no layer to choose by."""
    with pytest.raises(RunError, match="no images"):
        grad_cam(model)(torch.empty(0, 3, 32, 32), torch.empty(0, dtype=torch.int64))


def test_layer_that_is_not_reached_is_refused(model, images):
    """A layer that the model has, and does not use."""
    model.spare = nn.Conv2d(3, 3, 3)
    for method in METHODS:
        with pytest.raises(RunError, match="does not reach the chosen layer"):
            method(model, layer="spare")(images, TARGETS)


# However the model is held


@every_method
def test_in_place_relu_after_the_layer_does_not_reach_its_activation(images, method):
    """Two nets that compute the same are explained alike."""
    plain, in_place = small_net(), small_net(inplace=True)
    in_place.load_state_dict(plain.state_dict())
    raw = [method(net, layer="1").explain(images, TARGETS).raw for net in (plain, in_place)]
    assert torch.equal(*raw)


@every_method
def test_images_and_targets_may_come_from_inference_mode(model, images, method):
    """Such tensors cannot be kept for a gradient; the model's own predictions are the usual targets."""
    expected = method(model)(images, model(images).argmax(1))
    with torch.inference_mode():
        inputs = images * 1
        maps = method(model)(inputs, model(inputs).argmax(1))
        assert torch.is_inference_mode_enabled()
    assert torch.equal(maps, expected)


@every_method
def test_maps_under_bf16_autocast_are_those_of_full_precision_nearly(model, images, method):
    """And are float32, whatever the activations are."""
    expected = method(model)(images, TARGETS)
    with torch.autocast("cpu", torch.bfloat16):
        maps = method(model)(images, TARGETS)
    assert maps.dtype == torch.float32
    assert (maps - expected).abs().mean() < 0.03


@every_method
def test_explaining_within_autocast_leaves_a_training_step_its_gradients(model, images, method):
    """Weights that autocast has cast without a graph would otherwise be used by the step, by torch 2.6 for one."""
    model.train()
    with torch.autocast("cpu", torch.bfloat16):
        method(model)(images, TARGETS)
        loss = cross_entropy(model(images), TARGETS)
    loss.backward()
    assert all(parameter.grad is not None for parameter in model.parameters())


@every_method
def test_images_that_are_not_square_get_maps_of_their_shape(info, method):
    """Height first."""
    model = custom_resnet(replace(info, height=32, width=96), width=4).eval()
    assert method(model)(torch.randn(2, 3, 32, 96), TARGETS[:2]).shape == (2, 32, 96)


def covariance_with_energy(maps, activation):
    """Return how each map goes with the energy of its activation over the places."""
    return ((maps - maps.mean((1, 2), keepdim=True)) * activation.square().sum(1)).sum((1, 2))


def derivative(value, at):
    """Return the derivative, itself differentiable."""
    (result,) = torch.autograd.grad(value, at, create_graph=True)
    return result


def activation_and_gradient(model, layer, images):
    """Return them by plain autograd through the whole net."""
    kept = []

    def keep(module, inputs, output):
        output.retain_grad()
        kept.append(output)

    handle = model.get_submodule(layer).register_forward_hook(keep)
    logits = model(images)
    handle.remove()
    logits.gather(1, TARGETS[:, None]).sum().backward()
    model.zero_grad()
    return kept[0].detach(), kept[0].grad
