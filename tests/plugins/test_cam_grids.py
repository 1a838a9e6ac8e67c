"""A layer's output as a grid of the image, which layers have one, and which of them is explained."""

from __future__ import annotations

import copy
from collections import OrderedDict
from typing import NamedTuple

import pytest
import timm
import torch
from torch import Tensor, nn

from cvkit import RunError
from cvkit_gradcam.eigen_cam import eigen_cam
from cvkit_gradcam.grad_cam import grad_cam
from cvkit_gradcam.layers import candidates, choose_layer
from cvkit_gradcam.reading import MOST_PREFIX_TOKENS, Known, grid_of
from cvkit_gradcam.score_cam import score_cam

UNTOLD = range(MOST_PREFIX_TOKENS + 1)
TARGETS = torch.tensor([0, 3])
WIDE = torch.zeros(2, 3, 64, 96)


class Pair(NamedTuple):
    """A named tuple of two outputs."""

    label: str
    features: Tensor


class Wrapped(nn.Module):
    """A convolution that returns its output in some structure."""

    def __init__(self, wrap):
        super().__init__()
        self.convolution, self.wrap = nn.Conv2d(3, 6, 3, padding=1), wrap

    def forward(self, images):
        return self.wrap(self.convolution(images))


class Unwrapped(nn.Module):
    """The head of a net whose last layer is `Wrapped`."""

    def __init__(self, unwrap):
        super().__init__()
        self.linear, self.unwrap = nn.Linear(6, 10), unwrap

    def forward(self, output):
        return self.linear(self.unwrap(output).relu_().mean((2, 3)))


class OwnTransformer(nn.Module):
    """A vision transformer of torch's own layers, as people write them, that reads its class token."""

    def __init__(self, norm_first: bool, registers: int = 0, zero_head: bool = False):
        super().__init__()
        self.patches = nn.Conv2d(3, 16, 16, stride=16)
        self.first = nn.Parameter(torch.randn(1, 1 + registers, 16))
        block = nn.TransformerEncoderLayer(16, 2, 32, batch_first=True, norm_first=norm_first)
        self.encoder = nn.TransformerEncoder(block, 3, enable_nested_tensor=False)
        self.head = nn.Linear(16, 10)
        if zero_head:
            nn.init.zeros_(self.head.weight)

    def forward(self, images):
        tokens = self.patches(images).flatten(2).mT
        tokens = torch.cat([self.first.expand(len(tokens), -1, -1), tokens], dim=1)
        return self.head(self.encoder(tokens)[:, 0])


@pytest.mark.parametrize(
    ("shape", "size", "prefixes", "layout", "h", "w", "prefix"),
    [
        ((6, 4, 6), (64, 96), UNTOLD, "channels first", 4, 6, 0),
        ((4, 6, 384), (64, 96), UNTOLD, "channels last", 4, 6, 0),
        ((8, 8, 8), (64, 64), UNTOLD, "channels first", 8, 8, 0),
        ((6, 9, 4), (64, 96), UNTOLD, "channels last", 6, 9, 0),
        ((64, 8, 6), (299, 235), UNTOLD, "channels first", 8, 6, 0),  # without padding, as inception's
        ((24, 8), (64, 96), UNTOLD, "tokens", 4, 6, 0),
        ((25, 8), (64, 96), UNTOLD, "tokens", 4, 6, 1),
        ((29, 8), (64, 96), (5, 0), "tokens", 4, 6, 5),
        ((24, 8), (64, 96), (5, 0), "tokens", 4, 6, 0),
        ((10, 8), (32, 64), UNTOLD, "tokens", 2, 4, 2),  # and not 2 x 5
        ((201, 8), (224, 224), UNTOLD, "tokens", 14, 14, 5),
        ((6, 8), (33, 65), UNTOLD, "tokens", 2, 3, 0),  # no whole stride
    ],
)
def test_grid_is_found_whatever_the_order_of_the_axes(shape, size, prefixes, layout, h, w, prefix):
    """The view holds the places row by row and the channels that the output does."""
    output = torch.randn(2, *shape)
    grid = grid_of(output, size, Known(prefixes))
    assert (grid.layout, grid.height, grid.width, grid.prefix) == (layout, h, w, prefix)
    view = grid.view(output)
    assert view.shape == (2, grid.channels, h, w)
    last = {"channels first": (..., -1, -1), "channels last": (slice(None), -1, -1), "tokens": (slice(None), -1)}
    assert torch.equal(view[:, :, -1, -1], output[last[layout]])


@pytest.mark.parametrize(
    ("output", "size"),
    [
        (torch.zeros(2, 10), (64, 96)),
        (torch.zeros(2, 6, 1, 1), (64, 96)),
        (torch.zeros(2, 6, 6, 4), (64, 96)),
        (torch.zeros(2, 75, 8), (64, 96)),
        (torch.randn(2, 3, 5, 5).softmax(3), (80, 80)),
        (torch.tensor(1.0), (64, 96)),
    ],
    ids=["logits", "one place", "sides exchanged", "no such tokens", "attention", "number"],
)
def test_what_is_no_grid_of_the_image_is_none(output, size):
    """Shapes, and weights of attention by their rows."""
    assert grid_of(output, size, Known(UNTOLD)) is None


@pytest.mark.parametrize(
    ("wrap", "unwrap"),
    [
        (lambda tensor: (None, tensor, "more"), lambda output: output[1]),
        (lambda tensor: [tensor.mean((2, 3)), tensor], lambda output: output[1]),
        (lambda tensor: {"size": 1, "features": tensor}, lambda output: output["features"]),
        (lambda tensor: OrderedDict(deep=(0, [tensor])), lambda output: output["deep"][1][0]),
        (lambda tensor: Pair("features", tensor), lambda output: output.features),
    ],
    ids=["tuple", "list", "dict", "nested", "named tuple"],
)
def test_first_grid_of_a_nested_output_is_explained(wrap, unwrap):
    """As if the layer returned it alone, and though an in-place ReLU follows."""
    net, images = nn.Sequential(Wrapped(wrap), Unwrapped(unwrap)).eval(), torch.randn(2, 3, 12, 16)
    expected = grad_cam(net, layer="0.convolution").explain(images, TARGETS).raw
    found = grad_cam(net, layer="0").explain(images, TARGETS)
    torch.testing.assert_close(found.raw, expected)
    assert found.raw.any()


@pytest.mark.parametrize(("norm_first", "layer"), [(True, "encoder.layers.2.norm1"), (False, "encoder.layers.1")])
@pytest.mark.parametrize("registers", [0, 4])
def test_last_places_that_the_class_token_reads_are_explained(norm_first, layer, registers):
    """Of torch's own transformer, which tells nothing of its tokens and has a fast path around its modules."""
    model, images = OwnTransformer(norm_first, registers).eval(), torch.randn(2, 3, 64, 96)
    found = grad_cam(model).explain(images, TARGETS)
    assert (found.layer, found.raw.shape) == (layer, (2, 4, 6))
    assert found.raw.flatten(1).any(dim=1).all()
    late = grad_cam(model, layer="encoder.layers.2").explain(images, TARGETS)
    assert not late.raw.any()
    assert late.empty.all()


def test_head_of_zeros_is_looked_behind():
    """Some begin so; the layer is the one that will do after a step of training."""
    model = OwnTransformer(True, zero_head=True)
    assert choose_layer(model, WIDE[:1]).module is model.encoder.layers[2].norm1


@pytest.mark.parametrize("method", [eigen_cam, score_cam])
def test_methods_without_gradients_see_the_same_grid(method):
    """Eigen-CAM and Score-CAM of tokens."""
    model, images = OwnTransformer(True).eval(), torch.randn(2, 3, 64, 96)
    found = method(model).explain(images, TARGETS)
    assert (found.layer, found.raw.shape) == ("encoder.layers.2.norm1", (2, 4, 6))
    assert found.raw.flatten(1).any(dim=1).all()


@pytest.mark.parametrize("name", ["vit_tiny_patch16_224", "swin_tiny_patch4_window7_224"])
def test_transformers_are_explained_however_they_are_held(name):
    """Frozen, in inference mode, in training mode, in chunks and under bf16 autocast."""
    model, images = timm.create_model(name, num_classes=10, img_size=(64, 96)), torch.randn(2, 3, 64, 96)
    expected = grad_cam(model).explain(images, TARGETS).raw
    before = copy.deepcopy(model.state_dict())
    with torch.autocast("cpu", torch.bfloat16):
        half = grad_cam(model).explain(images, TARGETS).raw
    assert half.dtype == torch.float32
    assert (half - expected).abs().max() < 0.1 * expected.abs().max()
    model.requires_grad_(False)
    with torch.inference_mode():
        chunked = grad_cam(model, chunk=1).explain(images * 1, TARGETS * 1).raw
    torch.testing.assert_close(chunked, expected, rtol=1e-3, atol=1e-5 * float(expected.abs().max()))
    assert model.training
    assert not any(module._forward_hooks for module in model.modules())
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())


def test_candidates_tell_name_kind_grid_and_whether_a_gradient_arrives():
    """In the order in which they finish, each the outermost that returns its tensor."""
    model = timm.create_model("vit_tiny_patch16_224", num_classes=10, img_size=(64, 96), depth=2)
    found = {candidate.name: candidate for candidate in candidates(model, WIDE[:1])}
    assert {"patch_embed", "blocks.0", "blocks.1.norm1", "blocks.1.attn.qkv", "blocks", "norm"} <= set(found)
    assert list(found)[-2:] == ["blocks", "norm"]
    assert not {"blocks.1", "pos_drop", "norm_pre", "head", ""} & set(found)
    chosen = found["blocks.1.norm1"]
    assert (chosen.kind, str(chosen.grid), chosen.has_gradient) == ("LayerNorm", "192 x 4 x 6, tokens after 1", True)
    assert found["patch_embed"].grid.prefix == 0
    assert not found["norm"].has_gradient


def test_pools_permutes_and_what_hands_on_its_input_are_no_candidates():
    """A block that ends in a pool neither."""

    class Permute(nn.Module):
        def forward(self, images):
            return images.permute(0, 3, 1, 2)

    block = nn.Sequential(nn.Conv2d(3, 6, 3, padding=1), nn.ReLU(inplace=True), nn.MaxPool2d(2))
    tail = nn.Sequential(nn.Conv2d(6, 5, 1), nn.Identity(), nn.Dropout(), Permute(), nn.Flatten(), nn.LazyLinear(10))
    net = nn.Sequential(block, tail)
    net(WIDE)
    assert [candidate.name for candidate in candidates(net, WIDE[:1])] == ["0.1", "1.0"]


def test_layers_before_a_relu_in_place_that_the_head_calls_too_are_candidates():
    """The ReLU's last output is no grid, so it is none itself; the layers whose tensors it changed still are."""

    class Shared(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.second = nn.Conv2d(3, 6, 3, padding=1), nn.Conv2d(6, 6, 3, padding=1)
            self.relu = nn.ReLU(inplace=True)
            self.hidden, self.head = nn.Linear(6, 8), nn.Linear(8, 10)

        def forward(self, images):
            features = self.relu(self.second(self.relu(self.first(images))))
            return self.head(self.relu(self.hidden(features.mean((2, 3)))))

    found = candidates(Shared(), WIDE[:1])
    assert [(candidate.name, candidate.has_gradient) for candidate in found] == [("first", True), ("second", True)]


@pytest.mark.parametrize("context", [torch.enable_grad, torch.no_grad, torch.inference_mode])
def test_candidates_leave_the_model_as_it_was(context):
    """Modes, gradients and hooks, and the frozen one frozen."""
    model = OwnTransformer(True).train().requires_grad_(False)
    with context():
        found = candidates(model, WIDE[:1] * 1)
    assert any(candidate.has_gradient for candidate in found)
    assert model.training
    assert not any(p.requires_grad or p.grad is not None for p in model.parameters())
    assert not any(module._forward_hooks for module in model.modules())


def test_named_layer_without_a_grid_is_refused_and_others_are_named(wording):
    """The last eight of them at most."""
    model = timm.create_model("vit_tiny_patch16_224", num_classes=10, img_size=(64, 96), depth=2)
    offered = candidates(model, WIDE[:1])[-8:]
    said = set()
    for method in (grad_cam, eigen_cam):
        with pytest.raises(RunError, match="'head'") as caught:
            method(model, layer="head").explain(torch.randn(2, 3, 64, 96), TARGETS)
        said.add(str(caught.value))
    (sentence,) = said
    listed = "; ".join(f"{layer.name} ({layer.kind}, {layer.grid})" for layer in offered)
    assert listed.count(";") == 7
    assert listed in sentence
    assert "patch_embed" not in sentence
    assert "(B, 10)" in sentence
    assert sentence.replace(listed, "<layers>") == wording


def test_model_without_any_grid_is_refused(wording):
    """Whether a layer is named or not."""
    net = nn.Sequential(nn.Flatten(), nn.Linear(3 * 64 * 96, 10))
    with pytest.raises(RunError) as caught:
        grad_cam(net)(WIDE, TARGETS)
    assert str(caught.value) == wording(name="no layer named")
    with pytest.raises(RunError, match="'1'") as caught:
        grad_cam(net, layer="1")(WIDE, TARGETS)
    assert str(caught.value) == wording(name="a layer named")
