"""Smoothing averages any explainer's maps over views of the image, turned back to it."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from cvkit_gradcam.eigen_cam import eigen_cam
from cvkit_gradcam.grad_cam import grad_cam
from cvkit_gradcam.hires_cam import hires_cam
from cvkit_gradcam.score_cam import score_cam
from cvkit_gradcam.smoothed import METHODS, Smoothed, smoothed
from cvkit_resnet.network import custom_resnet

TARGETS = torch.tensor([0, 3, 3, 9])


@pytest.mark.parametrize(("method", "theirs"), [("grad_cam", "GradCAM"), ("hires_cam", "HiResCAM")])
@pytest.mark.parametrize("shape", [(4, 3, 32, 32), (4, 3, 32, 64)])
def test_smoothed_maps_equal_pytorch_grad_cams(info, of_pytorch_grad_cam, method, theirs, shape):
    """Its `aug_smooth`, within 1e-5, square or not."""
    images, model = torch.randn(shape), custom_resnet(replace(info, height=shape[2], width=shape[3]), width=4).eval()
    expected = of_pytorch_grad_cam(theirs, model, "layer3", images, TARGETS, aug_smooth=True)
    ours = smoothed(model, method=method, layer="layer3", compat="pytorch-grad-cam")(images, TARGETS)
    assert (ours - expected).abs().max() < 1e-5


def test_map_is_the_mean_over_views_turned_back(model, images):
    """Two mirrored halves times three factors."""
    plain = grad_cam(model)
    views = [plain(images * factor, TARGETS) for factor in (0.9, 1.0, 1.1)]
    views += [plain(images.flip(-1) * factor, TARGETS).flip(-1) for factor in (0.9, 1.0, 1.1)]
    torch.testing.assert_close(Smoothed(plain)(images, TARGETS), torch.stack(views).mean(0))


def test_smoothed_map_of_a_mirrored_image_is_the_mirrored_map(model, images):
    """That is what the mirrored views are for; the method alone is not so here."""
    explain = smoothed(model)
    torch.testing.assert_close(explain(images.flip(-1), TARGETS), explain(images, TARGETS).flip(-1))
    plain = grad_cam(model)
    assert not torch.allclose(plain(images.flip(-1), TARGETS), plain(images, TARGETS).flip(-1), atol=1e-3)


def test_one_view_of_factor_one_is_the_explainer_itself(model, images):
    """To the last bit."""
    plain = hires_cam(model)
    assert torch.equal(Smoothed(plain, flip=False, factors=[1.0])(images, TARGETS), plain(images, TARGETS))


def test_any_callable_is_smoothed():
    """A third party's explainer: here the image's first channel, of whatever is asked."""
    images, seen = torch.rand(2, 3, 4, 6), []

    def first_channel(views, targets):
        seen.append(len(views))
        return views[:, 0]

    maps = Smoothed(first_channel, factors=(0.5, 1.5))(images, torch.tensor([0, 1]))
    torch.testing.assert_close(maps, images[:, 0])
    assert seen == [2] * 4  # one view at a time: memory does not grow with their number


def test_several_classes_an_image_are_smoothed(model, images):
    """Maps (B, T, H, W), each that of its class alone."""
    targets = torch.tensor([[0, 3, 7]] * 4)
    explain = smoothed(model, layer="layer3")
    alone = torch.stack([explain(images, column) for column in targets.T], dim=1)
    torch.testing.assert_close(explain(images, targets), alone, rtol=1e-4, atol=1e-5)


def test_options_reach_the_method(model, images):
    """Which it is, its layer, how it is normalised and chunked."""
    options = {"layer": "layer2", "normalize": "none", "chunk": 3}
    expected = Smoothed(eigen_cam(model, **options))(images, TARGETS)
    assert torch.equal(smoothed(model, method="eigen_cam", **options)(images, TARGETS), expected)
    unchunked = Smoothed(score_cam(model))(images, TARGETS)
    assert torch.equal(smoothed(model, method="score_cam")(images, TARGETS), unchunked)


def test_methods_go_by_their_own_names(model):
    """The table's names are what the explainers call themselves."""
    assert {name: make(model).method for name, make in METHODS.items()} == {name: name for name in METHODS}


def test_preset_of_a_library_that_lacks_the_method_is_refused(model):
    """As by the method itself."""
    with pytest.raises(ValueError, match="captum") as of_the_method:
        hires_cam(model, compat="captum")
    with pytest.raises(ValueError, match="hires_cam") as caught:
        smoothed(model, method="hires_cam", compat="captum")
    assert str(caught.value) == str(of_the_method.value)


def test_no_view_is_refused(model, wording):
    """There is nothing to average."""
    with pytest.raises(ValueError, match="factors") as caught:
        Smoothed(grad_cam(model), factors=())
    assert str(caught.value) == wording
