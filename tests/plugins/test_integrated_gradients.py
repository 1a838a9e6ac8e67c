"""Integrated gradients: equal to captum's, complete, and right in closed form for training images."""

from __future__ import annotations

import pytest
import torch
from captum.attr import IntegratedGradients as Captums
from torch import nn

from cvkit import Background, RunError
from cvkit_gradcam.baselines import blurred
from cvkit_gradcam.integrated_gradients import integrated_gradients

TARGETS = torch.tensor([0, 3, 3, 9])


class Smooth(nn.Module):
    """A network without kinks, whose integral few steps get right."""

    def __init__(self) -> None:
        super().__init__()
        self.net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Tanh(), nn.Flatten(), nn.Linear(4 * 6 * 6, 10))

    def forward(self, images):
        return self.net(images)


class Squares(nn.Module):
    """Logit k is k times the sum of the squared pixels, so the gradient is 2 k times the pixel."""

    def forward(self, images):
        return images.square().flatten(1).sum(dim=1, keepdim=True) * torch.arange(10.0)


@pytest.fixture
def smooth():
    return Smooth().eval()


@pytest.fixture
def small():
    return torch.randn(4, 3, 8, 8)


@pytest.mark.parametrize("chunk", [1, 3, 5, 64])
def test_maps_equal_captums(smooth, small, chunk):
    """At the same points, however many of them go through the model at once."""
    expected = Captums(smooth).attribute(
        small, torch.zeros_like(small), target=TARGETS, n_steps=5, method="gausslegendre"
    )
    found = integrated_gradients(smooth, steps=5, chunk=chunk).explain(small, TARGETS)
    torch.testing.assert_close(found.raw, expected.sum(dim=1), rtol=1e-4, atol=1e-6)


def test_maps_of_a_residual_network_equal_captums(model, images):
    """Through batch norm, in-place ReLUs and pooling."""
    expected = Captums(model).attribute(images, 0, target=TARGETS, n_steps=4, method="gausslegendre").sum(dim=1)
    found = integrated_gradients(model, steps=4).explain(images, TARGETS)
    torch.testing.assert_close(found.raw, expected, rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize("baseline", ["mean", "black", "blur"])
def test_pixels_sum_to_the_difference_from_the_baseline(smooth, small, info, baseline):
    """Completeness, the axiom that names the method."""
    start = {
        "mean": torch.zeros_like(small),
        "black": (-torch.tensor(info.mean) / torch.tensor(info.std)).view(3, 1, 1).expand_as(small),
        "blur": blurred(small),
    }[baseline]
    found = integrated_gradients(smooth, info, baseline=baseline, steps=16).explain(small, TARGETS)
    with torch.no_grad():
        gap = (smooth(small) - smooth(start)).gather(1, TARGETS[:, None])[:, 0]
    assert gap.abs().min() > 1e-3
    torch.testing.assert_close(found.raw.sum(dim=(1, 2)), gap, rtol=1e-3, atol=1e-5)


def test_black_image_has_no_evidence_beside_black(smooth, info):
    """The map is zero, and says so."""
    black = (-torch.tensor(info.mean) / torch.tensor(info.std)).view(1, 3, 1, 1).expand(1, 3, 8, 8)
    found = integrated_gradients(smooth, info, baseline="black", steps=2).explain(black, torch.tensor([1]))
    assert found.empty.all()
    assert not found.maps.any()


def test_training_images_have_the_closed_form_of_expected_gradients(small):
    """Of squares: the mean over the steps of (x - b) 2 k (b + (x - b) (i + 1/2) / n), image b_i in step i."""
    others = torch.randn(3, 3, 8, 8)
    found = integrated_gradients(
        Squares(),
        None,
        Background.of(others, torch.zeros(3, dtype=torch.int64)),
        baseline="training",
        steps=5,
        chunk=2,
    ).explain(small, TARGETS)
    expected = torch.zeros_like(small)
    for step in range(5):
        start, place = others[step % 3], (step + 0.5) / 5
        expected += (small - start) * 2 * TARGETS.view(-1, 1, 1, 1) * (start + place * (small - start)) / 5
    torch.testing.assert_close(found.raw, expected.sum(dim=1), rtol=1e-4, atol=1e-4)


def test_many_steps_of_training_images_approach_completeness(smooth, small):
    """The pixels sum to the logit less its mean over the training images."""
    others = torch.randn(16, 3, 8, 8)
    background = Background.of(others, torch.zeros(16, dtype=torch.int64))
    found = integrated_gradients(smooth, None, background, baseline="training", steps=320).explain(small, TARGETS)
    with torch.no_grad():
        gap = (smooth(small) - smooth(others).mean(dim=0)).gather(1, TARGETS[:, None])[:, 0]
    torch.testing.assert_close(found.raw.sum(dim=(1, 2)), gap, rtol=0.05, atol=0.02)


def test_maps_are_divided_by_their_largest_absolute_value(smooth, small):
    """So each reaches 1 or -1, and the sign is that of the evidence."""
    found = integrated_gradients(smooth, steps=4).explain(small, TARGETS)
    assert (found.maps.abs().amax(dim=(1, 2)) == 1).all()
    assert torch.equal(found.maps.sign(), found.raw.sign())
    assert (found.maps < 0).flatten(1).any(dim=1).all()


def test_contrast_is_the_difference_of_two_classes(smooth, small):
    """Because the integral is linear in the score; exchanging the classes changes the sign."""
    explainer, others = integrated_gradients(smooth, steps=4), torch.tensor([1, 2, 5, 0])
    one, other = explainer.explain(small, TARGETS).raw, explainer.explain(small, others).raw
    contrast = explainer.explain(small, TARGETS, against=others)
    torch.testing.assert_close(contrast.raw, one - other, rtol=1e-3, atol=1e-6)
    assert torch.equal(contrast.against, others)


def test_several_classes_at_once_equal_each_alone(smooth, small):
    """Targets (B, T) give maps (B, T, H, W)."""
    explainer, both = integrated_gradients(smooth, steps=4, chunk=3), torch.stack([TARGETS, 9 - TARGETS], dim=1)
    found = explainer.explain(small, both).raw
    for number in (0, 1):
        torch.testing.assert_close(found[:, number], explainer.explain(small, both[:, number]).raw)


def test_vision_transformer_is_explained():
    """Pixels need no layer, so tokens are no obstacle."""
    import timm

    vit = timm.create_model("test_vit", num_classes=10, img_size=32).eval()
    maps = integrated_gradients(vit, steps=2)(torch.randn(1, 3, 32, 32), torch.tensor([4]))
    assert maps.shape == (1, 32, 32)
    assert maps.abs().max() == 1


def test_model_without_gradients_is_refused_with_another_method(small):
    """A head that looks something up has no gradient."""
    model = nn.Sequential(nn.Flatten(), nn.Linear(192, 10))
    table = torch.randn(10, 10)
    looked_up = type("LookedUp", (nn.Module,), {"forward": lambda self, images: table[model(images).argmax(dim=1)]})()
    with pytest.raises(RunError, match="no gradient at the pixels, so gradients cannot be integrated; use occlusion"):
        integrated_gradients(looked_up)(small, TARGETS)


def test_missing_arguments_of_a_baseline_are_named(smooth):
    """In Python they may be left out; a run supplies them."""
    with pytest.raises(ValueError, match="'black' needs the mean"):
        integrated_gradients(smooth, baseline="black")
    with pytest.raises(ValueError, match="'training' needs training images"):
        integrated_gradients(smooth, baseline="training")


def test_training_images_of_another_size_are_refused(smooth, small):
    """The sizes are in the message."""
    background = Background.of(torch.randn(2, 3, 9, 9), torch.zeros(2, dtype=torch.int64))
    with pytest.raises(RunError, match=r"\(3, 8, 8\), and the training images \(3, 9, 9\)"):
        integrated_gradients(smooth, None, background, baseline="training")(small, TARGETS)
