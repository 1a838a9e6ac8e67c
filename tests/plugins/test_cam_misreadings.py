"""What has the shape of a grid of the image and is none, and grids of a shape that could be read in two ways."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import timm
import torch
from torch import Tensor, nn

from cvkit_gradcam.grad_cam import grad_cam
from cvkit_gradcam.layers import candidates


class Apply(nn.Module):
    """Any function of a tensor as a layer."""

    def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.function = function

    def forward(self, values: Tensor) -> Tensor:
        return self.function(values)


class Gated(nn.Module):
    """Features weighted by a gate for each channel, (B, 2, 1, 1), as of squeeze-and-excite."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Conv2d(2, 2, 1), nn.Sigmoid())

    def forward(self, values: Tensor) -> Tensor:
        return values * self.gate(values)


class Mixer(nn.Module):
    """A block that mixes the places of tokens (B, n, c) by a linear layer over (B, c, n)."""

    def __init__(self, places: int, width: int) -> None:
        super().__init__()
        self.norm, self.across = nn.LayerNorm(width), nn.Linear(places, places)
        self.final = nn.LayerNorm(width)

    def forward(self, tokens: Tensor) -> Tensor:
        return self.final(tokens + self.across(self.norm(tokens).mT).mT)


class Queries(nn.Module):
    """Ten learned queries that attend to the tokens: an output (B, 10, c), a square and a class token."""

    def __init__(self, count: int = 10) -> None:
        super().__init__()
        self.queries = nn.Parameter(torch.randn(1, count, 8))
        self.attend = nn.MultiheadAttention(8, 1, batch_first=True)
        self.norm = nn.LayerNorm(8)

    def forward(self, tokens: Tensor) -> Tensor:
        queries = self.queries.expand(len(tokens), -1, -1)
        return self.norm(self.attend(queries, tokens, tokens, need_weights=False)[0])


class Headed(nn.Module):
    """Attention over tokens with normed queries (B, heads, n, d), n = d, and a bias that is made from a table."""

    def __init__(self) -> None:
        super().__init__()
        self.norm, self.bias = nn.LayerNorm(16), nn.Linear(2, 16)
        self.register_buffer("table", torch.randn(1, 4, 4, 2))

    def forward(self, tokens: Tensor) -> Tensor:
        heads = self.norm(tokens.unflatten(2, (2, 16)).transpose(1, 2))
        heads = heads + self.bias(self.table).flatten(1, 2)[:, None]
        return heads.transpose(1, 2).flatten(2)


def to_tokens() -> Apply:
    """Return a layer that makes tokens (B, n, c) of (B, c, h, w)."""
    return Apply(lambda values: values.flatten(2).mT)


def found_in(*layers: nn.Module, size: tuple[int, int]) -> dict[str, str]:
    """Return the grids of a net of these layers, by the names of the candidates."""
    torch.manual_seed(0)
    net = nn.Sequential(*layers).eval()
    return {each.name: str(each.grid) for each in candidates(net, torch.randn(1, 3, *size))}


@pytest.mark.parametrize("size", [(96, 64), (64, 96)], ids=["upright", "lying"])
@pytest.mark.parametrize("last", [False, True], ids=["channels first", "channels last"])
def test_head_after_pooling_is_no_grid(size, last):
    """Two classes (B, 2, 1, 1) or (B, 1, 1, 2): two places of one channel, if one reads them so."""
    body = [nn.Conv2d(3, 6, 16, stride=16), nn.ReLU()]
    head = [nn.AdaptiveAvgPool2d(1), nn.Conv2d(6, 2, 1), nn.Flatten()]
    if last:
        to_last = Apply(lambda values: values.movedim(1, -1).mean((1, 2), keepdim=True))
        head = [to_last, nn.Linear(6, 2), nn.Flatten()]
    net = nn.Sequential(*body, *head).eval()
    assert [each.name for each in candidates(net, torch.randn(1, 3, *size))] == ["0", "1"]
    images = torch.randn(4, 3, *size)
    found = grad_cam(net).explain(images, torch.tensor([[0, 1]] * 4))
    assert (found.layer, found.raw.shape[-2:]) == ("1", (size[0] // 16, size[1] // 16))
    assert not torch.allclose(found.raw[:, 0], found.raw[:, 1])


def test_gate_of_channels_is_no_grid():
    """Nor is any layer within it."""
    found = found_in(nn.Conv2d(3, 2, 16, stride=16), Gated(), nn.Flatten(), nn.LazyLinear(2), size=(96, 64))
    assert found == {"0": "2 x 6 x 4, channels first", "1": "2 x 6 x 4, channels first"}


@pytest.mark.parametrize(("name", "layer"), [("dla46x_c", "level5"), ("resnetv2_18", "norm")])
def test_nets_of_timm_with_a_convolution_as_head_are_explained_at_their_last_grid(name, layer):
    """Of two classes, on images that are taller than wide."""
    model, images = timm.create_model(name, num_classes=2).eval(), torch.randn(2, 3, 96, 64)
    found = grad_cam(model).explain(images, torch.tensor([[0, 1], [0, 1]]))
    assert (found.layer, found.raw.shape) == (layer, (2, 2, 3, 2))
    assert not torch.allclose(found.raw[:, 0], found.raw[:, 1])


def test_channels_last_are_told_by_the_layers_where_all_sides_are_equal():
    """Eight channels of 8 x 8 places: the norm, the linear layer and what goes into it have their channels last."""
    layers = [nn.Conv2d(3, 8, 4, stride=4), Apply(lambda values: values.movedim(1, -1).clone()), nn.LayerNorm(8)]
    layers += [nn.GELU(), nn.Linear(8, 8), nn.GELU(), Apply(lambda values: values.mean((1, 2))), nn.Linear(8, 4)]
    first, last = "8 x 8 x 8, channels first", "8 x 8 x 8, channels last"
    assert found_in(*layers, size=(32, 32)) == {"0": first, "1": last, "2": last, "3": last, "4": last, "5": first}
    net, images = nn.Sequential(*layers).eval(), torch.randn(2, 3, 32, 32)
    given = []
    handle = net[4].register_forward_hook(lambda module, inputs, output: given.append(output))
    found = grad_cam(net, layer="4", normalize="none").explain(images, torch.tensor([0, 3]))
    handle.remove()
    values = given[-1].detach().requires_grad_()
    (gradient,) = torch.autograd.grad(net[5:](values).gather(1, torch.tensor([[0], [3]])).sum(), values)
    torch.testing.assert_close(found.raw, (gradient.mean((1, 2), keepdim=True) * values.detach()).sum(-1))


def test_channels_first_are_told_by_a_convolution_where_the_other_order_fits_better():
    """Ten channels of 7 x 4 places of an image of 24 x 16; 10 x 7 places would be nearer to its proportions."""
    found = found_in(nn.Conv2d(3, 10, 6, stride=3), nn.Flatten(), nn.LazyLinear(2), size=(24, 16))
    assert found == {"0": "10 x 7 x 4, channels first"}


def test_places_that_come_last_are_no_channels():
    """(B, 16, 64): sixteen channels of 8 x 8 places, and not 4 x 4 places of 64 channels."""
    layers = [nn.Conv2d(3, 16, 8, stride=8), to_tokens(), Mixer(64, 16), Apply(lambda tokens: tokens.mean(1))]
    found = found_in(*layers, nn.Linear(16, 4), size=(64, 64))
    grid = "16 x 8 x 8, tokens"
    assert found == {"0": "16 x 8 x 8, channels first", "2": grid, "2.norm": grid}


@pytest.mark.parametrize("count", [9, 10, 36])
def test_number_of_queries_that_is_a_square_is_no_grid(count):
    """The image has 4 x 4 places; nine queries, or a class token before nine, are no 3 x 3."""
    layers = [nn.Conv2d(3, 8, 12, stride=12), to_tokens(), nn.LayerNorm(8), Queries(count)]
    found = found_in(*layers, Apply(lambda tokens: tokens.mean(1)), nn.Linear(8, 4), size=(48, 48))
    assert [name for name in found if name.startswith("3")] == []
    assert found["2"] == "8 x 4 x 4, tokens"


def test_heads_and_tables_are_no_grids():
    """(B, 2, 16, 16) of a norm over the last axis, and a table of biases that is the same for every image."""
    layers = [nn.Conv2d(3, 32, 16, stride=16), to_tokens(), Headed(), nn.LayerNorm(32)]
    found = found_in(*layers, Apply(lambda tokens: tokens.mean(1)), nn.Linear(32, 4), size=(64, 64))
    assert [name for name in found if "." in name] == []
    assert found["3"] == "32 x 4 x 4, tokens"


def test_one_dimensional_convolution_has_its_channels_first():
    """(B, 16, 16) of tokens in one row: the axis that is named is the channels'."""
    to_row = Apply(lambda values: values.flatten(2))
    layers = [nn.Conv2d(3, 16, 16, stride=16), to_row, nn.Conv1d(16, 16, 3, padding=1)]
    assert list(found_in(*layers, nn.Flatten(), nn.LazyLinear(4), size=(64, 64))) == ["0"]


def test_tokens_of_an_image_that_is_not_square_have_the_sides_of_the_patches():
    """24 patches of 64 x 96 are 4 x 6, after any number of tokens that leaves them, and not another shape."""
    for registers in (0, 1, 5, 9):
        more = Apply(lambda tokens, n=registers: torch.cat([tokens[:, :n], tokens], 1))
        layers = [nn.Conv2d(3, 8, 16, stride=16), to_tokens(), more, nn.LayerNorm(8)]
        found = found_in(*layers, Apply(lambda tokens: tokens.mean(1)), nn.Linear(8, 4), size=(64, 96))
        assert found["3"] == "8 x 4 x 6, tokens" + f" after {registers}" * (registers > 0)
