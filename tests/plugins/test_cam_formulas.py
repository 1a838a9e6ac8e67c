"""Every method of the family against its formula."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn.functional import interpolate

from cvkit_gradcam.eigen_cam import eigen_cam, principal_map
from cvkit_gradcam.grad_cam import grad_cam
from cvkit_gradcam.grad_cam_pp import grad_cam_pp, weighted_by_alpha
from cvkit_gradcam.hires_cam import hires_cam
from cvkit_gradcam.layer_cam import layer_cam
from cvkit_gradcam.score_cam import score_cam, unit_range

METHODS = [grad_cam, hires_cam, layer_cam, grad_cam_pp, eigen_cam, score_cam]
TARGETS = torch.tensor([0, 3, 3, 9])


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


def test_eigen_cam_is_positive_where_the_activation_is_strong(covariance_with_energy):
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
