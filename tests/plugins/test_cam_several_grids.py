"""Modules that return several maps: each can be explained, and by default the one that the head reads."""

from __future__ import annotations

from collections import OrderedDict
from itertools import pairwise

import pytest
import timm
import torch
from torch import Tensor, nn

from cvkit import RunError
from cvkit_gradcam.eigen_cam import eigen_cam
from cvkit_gradcam.grad_cam import grad_cam
from cvkit_gradcam.layers import candidates

TARGETS = torch.tensor([0, 3])


class Pyramid(nn.Module):
    """Three stages whose outputs are all returned, in some structure."""

    def __init__(self, wrap=list):
        super().__init__()
        widths = (3, 4, 6, 8)
        stages = (nn.Conv2d(i, o, 3, stride=2, padding=1) for i, o in pairwise(widths))
        self.stages = nn.ModuleList(stages)
        self.wrap = wrap

    def forward(self, values):
        maps = []
        for stage in self.stages:
            values = stage(values).relu()
            maps.append(values)
        return self.wrap(maps)


class Net(nn.Module):
    """A body of several maps and a head that reads some of them."""

    def __init__(self, body: nn.Module, read, width: int = 8):
        super().__init__()
        self.body, self.read, self.head = body, read, nn.Linear(width, 10)

    def forward(self, images: Tensor) -> Tensor:
        return self.head(self.read(self.body(images)))


def names(model: nn.Module) -> dict[str, bool]:
    """Return the candidates of the body itself, and whether each is live."""
    found = candidates(model, torch.randn(1, 3, 32, 48))
    return {each.name: each.has_gradient for each in found if "stages" not in each.name}


def by_autograd(model: Net, which, images: Tensor) -> Tensor:
    """Return Grad-CAM's signed map of one of the body's maps."""
    with torch.no_grad():
        maps = model.body(images)
    at = which(maps).detach().requires_grad_()
    logits = model.head(at.mean((2, 3)))
    (gradient,) = torch.autograd.grad(logits.gather(1, TARGETS[:, None]).sum(), at)
    return (gradient.mean((2, 3), keepdim=True) * at.detach()).sum(1)


@pytest.mark.parametrize(
    ("wrap", "which", "keys"),
    [
        (list, lambda maps: maps[2], ("[0]", "[1]", "[2]")),
        (tuple, lambda maps: maps[2], ("[0]", "[1]", "[2]")),
        (lambda maps: list(reversed(maps)), lambda maps: maps[0], ("[1]", "[2]", "[0]")),
        (
            lambda maps: {"p1": maps[0], "p2": maps[1], "p3": maps[2]},
            lambda maps: maps["p3"],
            ("[p1]", "[p2]", "[p3]"),
        ),
        (lambda maps: OrderedDict(out=maps), lambda maps: maps["out"][2], ("[out][0]", "[out][1]", "[out][2]")),
    ],
    ids=["list", "tuple", "reversed", "dict", "nested"],
)
def test_map_that_the_head_reads_is_explained_and_each_is_a_candidate(wrap, which, keys):
    """And not the first, to which a gradient comes only within the body."""
    model, images = Net(Pyramid(wrap), lambda maps: which(maps).mean((2, 3))).eval(), torch.randn(2, 3, 32, 48)
    live = names(model)
    assert live == {f"body{key}": key == keys[2] for key in keys}
    found = grad_cam(model).explain(images, TARGETS)
    assert (found.layer, found.raw.shape) == (f"body{keys[2]}", (2, 4, 6))
    torch.testing.assert_close(found.raw, by_autograd(model, which, images))
    assert grad_cam(model, layer="body").explain(images, TARGETS).layer == f"body{keys[2]}"


def test_any_of_them_can_be_named(wording):
    """With a gradient where the head reads it, for activations alone where it does not."""
    model = Net(Pyramid(), lambda maps: torch.cat([maps[1].mean((2, 3)), maps[2].mean((2, 3))], 1), width=14).eval()
    images = torch.randn(2, 3, 32, 48)
    assert names(model) == {"body[0]": False, "body[1]": True, "body[2]": True}
    assert grad_cam(model).explain(images, TARGETS).layer == "body[2]"
    found = grad_cam(model, layer="body[1]").explain(images, TARGETS)
    assert (found.layer, found.raw.shape) == ("body[1]", (2, 8, 12))
    assert found.raw.any()
    assert eigen_cam(model, layer="body[0]").explain(images, TARGETS).raw.shape == (2, 16, 24)
    with pytest.raises(RunError) as caught:
        grad_cam(model, layer="body[0]")(images, TARGETS)
    assert str(caught.value) == wording(name="no gradient")
    with pytest.raises(RunError) as caught:
        grad_cam(model, layer="body[7]")(images, TARGETS)
    assert all(f"body[{number}]" in str(caught.value) for number in (0, 1, 2, 7))
    assert str(caught.value) == wording(name="no such tensor")
    with pytest.raises(ValueError, match=r"'bodi"):
        grad_cam(model, layer="bodi[1]")


def test_layers_within_are_still_candidates():
    """The stages' own outputs are used by the next stage, whatever becomes of the list."""
    model = Net(Pyramid(), lambda maps: maps[2].mean((2, 3))).eval()
    live = {each.name: each.has_gradient for each in candidates(model, torch.randn(1, 3, 32, 48))}
    assert live["body.stages.1"]
    assert grad_cam(model, layer="body.stages.1")(torch.randn(2, 3, 32, 48), TARGETS).any()


def test_map_beside_its_own_mean_is_explained_where_the_gradient_goes_through_it():
    """A body that returns (map, mean), and a head that reads the mean: the last layer within is explained."""

    class Both(nn.Module):
        def __init__(self):
            super().__init__()
            self.convolution = nn.Conv2d(3, 8, 8, stride=8)

        def forward(self, images):
            values = self.convolution(images)
            return values, values.mean((2, 3))

    model = Net(Both(), lambda output: output[1]).eval()
    found = grad_cam(model).explain(torch.randn(2, 3, 32, 48), TARGETS)
    assert found.layer == "body.convolution"
    assert found.raw.any()


def test_list_handed_on_by_a_neck_is_listed_once():
    """By the outermost that returns it."""
    neck = nn.Sequential(Pyramid(), nn.Identity())
    assert list(names(Net(neck, lambda maps: maps[2].mean((2, 3))).eval()))[-3:] == ["body[0]", "body[1]", "body[2]"]


def test_features_of_timm_are_explained_at_the_deepest():
    """As `features_only` gives them: a list of five maps, of which a head reads the last."""
    body = timm.create_model("resnet10t", features_only=True)
    model, images = Net(body, lambda maps: maps[-1].mean((2, 3)), width=512).eval(), torch.randn(2, 3, 64, 96)
    found = grad_cam(model).explain(images, TARGETS)
    assert (found.layer, found.raw.shape) == ("body[4]", (2, 2, 3))
    assert found.raw.flatten(1).any(dim=1).all()
