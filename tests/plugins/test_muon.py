"""Muon equals torch's for matrices and torch's AdamW for the rest, and knows which is which."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from cvkit_torch.muon import Muon


def net():
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(16, 8), nn.ReLU(), nn.Linear(8, 3)
    )


def train(model, *optimizers, steps=4):
    images = torch.randn(6, 3, 4, 4, generator=torch.Generator().manual_seed(1))
    for _ in range(steps):
        model.zero_grad()
        nn.functional.cross_entropy(model(images), torch.arange(6) % 3).backward()
        for optimizer in optimizers:
            optimizer.step()
    return [weight.detach().clone() for weight in model.parameters()]


@pytest.mark.parametrize("nesterov", [True, False])
def test_muon_equals_its_references(nesterov):
    """torch.optim.Muon on the hidden matrix, torch.optim.AdamW on the head and on vectors."""
    ours, theirs = (nn.Sequential(nn.Flatten(), nn.Linear(48, 8), nn.ReLU(), nn.Linear(8, 3)) for _ in range(2))
    theirs.load_state_dict(ours.state_dict())
    muon = torch.optim.Muon(
        [theirs[1].weight],
        lr=0.02,
        momentum=0.9,
        nesterov=nesterov,
        weight_decay=0.1,
        adjust_lr_fn="match_rms_adamw",
    )
    rest = [theirs[1].bias, *theirs[3].parameters()]
    adamw = torch.optim.AdamW(rest, lr=0.02, betas=(0.9, 0.95), weight_decay=0.1)
    own = Muon(list(ours.named_parameters()), lr=0.02, momentum=0.9, nesterov=nesterov, weight_decay=0.1)
    torch.testing.assert_close(train(ours, own), train(theirs, muon, adamw))


def test_kernel_is_trained_as_a_matrix():
    """A convolution gives the weights of the same matrix, flattened."""
    gradient = torch.randn(4, 3, 3, 3, generator=torch.Generator().manual_seed(2))
    kernel, matrix = nn.Parameter(torch.zeros(4, 3, 3, 3)), nn.Parameter(torch.zeros(4, 27))
    kernel.grad, matrix.grad = gradient, gradient.flatten(1)
    for weight in (kernel, matrix):
        Muon([("hidden", weight)], adamw=[]).step()
    assert torch.equal(kernel.flatten(1), matrix)


def trained_by_muon(named, **options):
    given = list(named)
    optimizer = Muon(given, **options)
    weights = [weight for group in optimizer.param_groups for weight in group["params"]]
    for weight in weights:
        weight.grad = torch.ones_like(weight)
    optimizer.step()
    names = [name for group in optimizer.param_groups for name in group["param_names"]]
    return {name for name, weight in zip(names, weights, strict=True) if "momentum" in optimizer.state[weight]}


def test_head_vectors_and_embeddings_are_adamws():
    """Without groups the last matrix is the head; with groups it is the group `head`, wherever that is."""
    model = net()
    assert trained_by_muon(model.named_parameters()) == {"0.weight", "3.weight"}
    named = dict(model.named_parameters())
    groups = [
        {"params": list(named.items())[-2:], "name": "head"},
        {"params": list(named.items())[:-2], "name": "body"},
    ]
    assert trained_by_muon(groups) == {"0.weight", "3.weight"}
    others = [("pos_embed", nn.Parameter(torch.ones(2, 2))), ("a", nn.Parameter(torch.ones(2, 2)))]
    others += [("layer_scale", nn.Parameter(torch.ones(2, 1, 1))), ("bias_table", nn.Parameter(torch.ones(9, 3)))]
    others += [("fc", nn.Parameter(torch.ones(2, 2))), ("loss..centres", nn.Parameter(torch.ones(2, 2)))]
    assert trained_by_muon(others) == {"a"}
    assert trained_by_muon(others, adamw=["a", "p*", "bias*"]) == {"fc", "loss..centres"}
