"""Why one class and not another: the difference of two logits, explained by every method."""

from __future__ import annotations

import pytest
import torch
from torch.nn.functional import interpolate

from cvkit import RunError
from cvkit_gradcam.eigen_cam import eigen_cam
from cvkit_gradcam.grad_cam import grad_cam, weighted_by_mean_gradient
from cvkit_gradcam.grad_cam_pp import grad_cam_pp, weighted_by_alpha
from cvkit_gradcam.hires_cam import gradient_times_activation, hires_cam
from cvkit_gradcam.layer_cam import layer_cam, weighted_by_positive_gradient
from cvkit_gradcam.score_cam import score_cam, unit_range

TARGETS, AGAINST = torch.tensor([0, 3, 3, 9]), torch.tensor([1, 0, 9, 3])
FORMULAS = {
    grad_cam: weighted_by_mean_gradient,
    hires_cam: gradient_times_activation,
    layer_cam: weighted_by_positive_gradient,
    grad_cam_pp: weighted_by_alpha,
}
METHODS = [*FORMULAS, eigen_cam, score_cam]
every_method = pytest.mark.parametrize("method", METHODS, ids=lambda method: method.__name__)
by_gradient = pytest.mark.parametrize("method", FORMULAS, ids=lambda method: method.__name__)


@by_gradient
def test_gradient_is_that_of_the_difference_of_the_logits(model, images, method):
    """Against plain autograd through the whole net."""
    kept = []
    handle = model.layer2.register_forward_hook(lambda module, inputs, output: kept.append(output))
    logits = model(images)
    handle.remove()
    score = (logits.gather(1, TARGETS[:, None]) - logits.gather(1, AGAINST[:, None])).sum()
    (gradient,) = torch.autograd.grad(score, kept[0])
    expected = FORMULAS[method](kept[0].detach()[:, None], gradient[:, None])[:, 0]
    found = method(model, layer="layer2").explain(images, TARGETS, AGAINST)
    torch.testing.assert_close(found.raw, expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("method", [grad_cam, hires_cam])
def test_methods_linear_in_the_gradient_subtract_the_maps(model, images, method):
    """So that what speaks for both classes alike drops out, and the contrast the other way is the negative."""
    explainer = method(model, layer="layer2")
    one, other = explainer.explain(images, TARGETS).raw, explainer.explain(images, AGAINST).raw
    torch.testing.assert_close(explainer.explain(images, TARGETS, AGAINST).raw, one - other, rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(explainer.explain(images, AGAINST, TARGETS).raw, other - one, rtol=1e-4, atol=1e-6)


@by_gradient
def test_several_contrasts_take_one_forward_pass(model, images, method):
    """Maps (B, T, H, W), each that of its pair alone."""
    targets, against = TARGETS[:, None].expand(4, 3), torch.tensor([[1, 5, 7]] * 4)
    explainer = method(model, layer="layer3")
    alone = [explainer(images, TARGETS)] + [explainer.explain(images, TARGETS, column).maps for column in against.T]
    calls = []
    handle = model.prep.register_forward_hook(lambda module, inputs, output: calls.append(len(output)))
    together = explainer.explain(images, targets, against).maps
    handle.remove()
    assert calls == [4]
    torch.testing.assert_close(together, torch.stack(alone[1:], dim=1), rtol=1e-4, atol=1e-5)
    assert not torch.allclose(together[:, 0], alone[0], atol=1e-3)


def test_score_cam_weights_channels_by_differences_of_scores(model, images):
    """Channel by channel, of one image."""
    activations = []
    handle = model.layer3.register_forward_hook(lambda module, inputs, output: activations.append(output[0]))
    with torch.no_grad():
        model(images)
        handle.remove()
        (activation,) = activations
        masks = unit_range(interpolate(activation[:, None], (32, 32), mode="bilinear", align_corners=False))
        logits = model(images[:1] * masks)
    weights = (logits[:, TARGETS[0]] - logits[:, AGAINST[0]]).softmax(0)
    expected = (weights[:, None, None] * activation).sum(0)
    found = score_cam(model, layer="layer3", chunk=7).explain(images, TARGETS, AGAINST)
    torch.testing.assert_close(found.raw[0], expected, rtol=1e-4, atol=1e-5)


def test_eigen_cam_ignores_both_classes(model, images):
    """As it ignores one."""
    explainer = eigen_cam(model)
    assert torch.equal(explainer.explain(images, TARGETS, AGAINST).maps, explainer(images, TARGETS))


@pytest.mark.parametrize("method", [grad_cam, hires_cam, layer_cam, grad_cam_pp])
def test_class_against_itself_leaves_nothing(model, images, method):
    """An empty map, not noise."""
    found = method(model).explain(images, TARGETS, TARGETS)
    assert found.empty.all()
    assert not found.maps.any()


@every_method
def test_explanation_records_what_it_was_held_against(model, images, method):
    """None where it was nothing."""
    assert method(model).explain(images, TARGETS).against is None
    assert torch.equal(method(model).explain(images, TARGETS, AGAINST).against, AGAINST)


@every_method
def test_chunks_change_nothing(model, images, method):
    """Three and one of four images, each with its own pair."""
    expected = method(model, layer="layer3").explain(images, TARGETS, AGAINST).raw
    found = method(model, layer="layer3", chunk=3).explain(images, TARGETS, AGAINST).raw
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)


@every_method
def test_images_and_classes_may_come_from_inference_mode(model, images, method):
    """Such tensors cannot be kept for a gradient."""
    expected = method(model).explain(images, TARGETS, AGAINST).maps
    with torch.inference_mode():
        found = method(model).explain(images * 1, TARGETS * 1, AGAINST * 1).maps
    assert torch.equal(found, expected)


@pytest.mark.parametrize(
    ("against", "value"),
    [
        (AGAINST[:3], r"\(3,\)"),
        (AGAINST[:, None], r"\(4, 1\)"),
        (torch.tensor([0, 1, 2, 10]), r"\b10\b"),
        (torch.tensor([0, 1, 2, -1]), r"-1\b"),
        (AGAINST.float(), "float32"),
    ],
    ids=["too few", "a column", "too high", "negative", "no integers"],
)
def test_classes_that_do_not_fit_are_refused(model, images, against, value, wording):
    """Their number, their kind, and the classes there are."""
    with pytest.raises(RunError, match=value) as caught:
        grad_cam(model).explain(images, TARGETS, against)
    assert str(caught.value) == wording
