"""Occlusion: equal to captum's, right for a linear model, and for models without gradients."""

from __future__ import annotations

import pytest
import torch
from captum.attr import Occlusion as Captums
from torch import nn

from cvkit_gradcam.occlusion import occlusion

TARGETS = torch.tensor([0, 3])


@pytest.fixture
def net():
    return nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(16, 10)
    ).eval()


@pytest.mark.parametrize(("patch", "stride"), [(5, 3), (4, 4), (11, 5), (6, 1)])
def test_maps_equal_captums(net, patch, stride):
    """Overlapping patches are averaged, and cut off at the border of an image that is not square."""
    images = torch.randn(2, 3, 13, 11)
    expected = Captums(net).attribute(images, (3, patch, patch), (3, stride, stride), baselines=0, target=TARGETS)
    found = occlusion(net, patch=patch, stride=stride, chunk=7).explain(images, TARGETS)
    torch.testing.assert_close(found.raw, expected[:, 0], rtol=1e-4, atol=1e-6)


def test_maps_have_no_plateaus_of_patches(net):
    """The pointing game counts a maximum only if it is a single pixel, so a plateau would never hit."""
    images = torch.randn(2, 3, 16, 16)
    found = occlusion(net, patch=4).explain(images, TARGETS)
    peaks = [
        (maps.abs() == maps.abs().amax(dim=(1, 2), keepdim=True)).sum(dim=(1, 2)) for maps in (found.raw, found.maps)
    ]
    assert (peaks[0] > 1).all()
    assert (peaks[1] == 1).all()


@pytest.mark.parametrize("baseline", ["mean", "black"])
def test_single_pixels_of_a_linear_model_have_their_own_share(info, baseline):
    """Covering a pixel of a linear model takes its weight times its distance from the baseline."""
    linear = nn.Linear(3 * 6 * 6, 10)
    images = torch.randn(2, 3, 6, 6)
    start = torch.zeros(3, 1, 1) if baseline == "mean" else (-torch.tensor(info.mean) / torch.tensor(info.std))
    weights = linear.weight.detach().view(10, 3, 6, 6)[TARGETS]
    expected = (weights * (images - start.view(3, 1, 1))).sum(dim=1)
    explainer = occlusion(nn.Sequential(nn.Flatten(), linear), info, patch=1, baseline=baseline)
    found = explainer.explain(images, TARGETS)
    torch.testing.assert_close(found.raw, expected, rtol=1e-4, atol=1e-5)
    assert torch.equal(found.maps.sign(), found.raw.sign())


def test_defaults_are_an_eighth_of_the_shorter_side_with_half_overlap(net):
    """So the number of forward passes hardly depends on the size of a square image."""
    seen = []
    net.register_forward_pre_hook(lambda module, given: seen.append(len(given[0])))
    occlusion(net)(torch.randn(1, 3, 32, 32), torch.tensor([1]))
    assert sum(seen) == 1 + 15 * 15
    assert max(seen) == 64


def test_memory_is_bounded_by_chunk(net):
    """No batch is larger, whatever the number of patches."""
    seen = []
    net.register_forward_pre_hook(lambda module, given: seen.append(len(given[0])))
    occlusion(net, patch=2, stride=1, chunk=5)(torch.randn(2, 3, 8, 8), TARGETS)
    assert max(seen) == 5
    assert sum(seen) == 2 * (1 + 7 * 7)


def test_model_without_gradients_is_explained():
    """A head that looks something up: what changes the class has a value, what does not has none."""

    class Nearest(nn.Module):
        def forward(self, images):
            return nn.functional.one_hot((images[:, 0, 0, 0] > 0.5).long(), 2).float()

    image = torch.ones(1, 3, 4, 4)
    (found,) = occlusion(Nearest(), patch=1)(image, torch.tensor([1]))
    assert found[0, 0] == 1
    assert found.sum() == 1
    (other,) = occlusion(Nearest(), patch=1)(image, torch.tensor([0]))
    assert other[0, 0] == -1


def test_contrast_is_the_difference_of_two_classes(net):
    """Because a fall is linear in the score."""
    images, others = torch.randn(2, 3, 8, 8), torch.tensor([1, 2])
    explainer = occlusion(net, patch=4)
    expected = explainer.explain(images, TARGETS).raw - explainer.explain(images, others).raw
    torch.testing.assert_close(explainer.explain(images, TARGETS, against=others).raw, expected)


def test_several_classes_at_once_equal_each_alone(net):
    """Targets (B, T) give maps (B, T, H, W)."""
    images, explainer = torch.randn(2, 3, 8, 8), occlusion(net, patch=4)
    both = torch.stack([TARGETS, 9 - TARGETS], dim=1)
    found = explainer.explain(images, both).raw
    for number in (0, 1):
        torch.testing.assert_close(found[:, number], explainer.explain(images, both[:, number]).raw)


def test_gaps_between_patches_are_refused(net):
    """The message names both options."""
    with pytest.raises(ValueError, match="stride is 5 and patch is 4"):
        occlusion(net, patch=4, stride=5)
