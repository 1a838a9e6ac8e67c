"""The parts of airbench94: whitening, identity, scaled biases, look-ahead, Muon, alternating flip, and their run."""

from __future__ import annotations

import copy
from dataclasses import replace
from itertools import pairwise

import pytest
import torch
from torch import nn
from torch._dynamo.testing import CompileCounter
from torch.nn import functional

from cvkit import ComponentError, Progress, StepPlan, build_parts, discover, resolve, trainer
from cvkit.recipe import read_any
from cvkit.step_progress import during
from cvkit_datasets.shapes import shapes
from cvkit_speedrun import whitening
from cvkit_speedrun.flip import alternating_flip
from cvkit_speedrun.muon import MuonSGD
from cvkit_speedrun.network import ConvGroup, airbench
from cvkit_speedrun.sgd import ScaledBiasSGD
from cvkit_speedrun.triangle import triangle
from cvkit_speedrun.whitening import patch_moments, whitening_filters

RECIPE = {
    "name": "speedrun",
    "dataset": {"name": "shapes", "train_size": 60, "test_size": 20},
    "augmentations": ["alternating_flip", {"name": "random_crop", "padding": 2}],
    "model": {"name": "airbench", "width": 2, "whitening_bias_epochs": 1},
    "loss": {"name": "cross_entropy", "label_smoothing": 0.2},
    "optimizer": {"name": "scaled_bias_sgd", "lr": 0.1, "bias_factor": 4.0, "lookahead": 2},
    "scheduler": "triangle",
    "train": {"epochs": 2, "batch_size": 20, "channels_last": True},
}


def at(epoch, step=0, epochs=10, steps=100):
    return during(Progress(epoch, step, epochs, steps))


def small():
    """A network with a normalisation whose bias has a name that says so."""
    torch.manual_seed(0)
    net = nn.Sequential()
    net.add_module("conv", nn.Conv2d(3, 6, 3))
    net.add_module("norm", nn.BatchNorm2d(6))
    net.add_module("flat", nn.Flatten())
    net.add_module("head", nn.Linear(6 * 36, 10))
    return net


def buffers_of(net):
    return [(name, each) for name, each in net.named_buffers() if each.is_floating_point()]


def step_of(net, optimizer, number):
    images = torch.randn(8, 3, 8, 8, generator=torch.Generator().manual_seed(number))
    optimizer.zero_grad()
    functional.cross_entropy(net(images), torch.arange(8)).backward()
    optimizer.step()


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """Normalised images of drawn shapes, whose pixels are as correlated as those of photos."""
    split = shapes(tmp_path_factory.mktemp("unused"), train_size=120, test_size=10).train
    images = split.images.float() / 255
    return (images - images.mean((0, 2, 3), keepdim=True)) / images.std((0, 2, 3), keepdim=True)


def test_whitened_patches_are_uncorrelated(pictures):
    """The outputs of the first half of the filters have the identity as second moments; without them, far from it."""
    filters = whitening_filters(pictures, 2, 1e-8)
    outputs = functional.conv2d(pictures.double(), filters[:12].double()).movedim(1, -1).flatten(0, -2)
    moments = outputs.T @ outputs / len(outputs)
    torch.testing.assert_close(moments, torch.eye(12, dtype=torch.float64), atol=2e-3, rtol=0)
    raw = patch_moments(pictures, 2)
    assert (raw - torch.eye(12)).abs().max() > 0.5


def test_whitening_equals_its_formula(pictures):
    """v / sqrt(e + eps) of the eigenvectors of unfolded patches, and the same with the opposite sign."""
    patches = pictures.unfold(2, 2, 1).unfold(3, 2, 1).permute(0, 2, 3, 1, 4, 5).reshape(-1, 12).double()
    values, vectors = torch.linalg.eigh(patches.T @ patches / len(patches))
    expected = (vectors / (values + 5e-4).sqrt()).T.flip(0).float()
    filters = whitening_filters(pictures, 2, 5e-4)
    assert torch.equal(filters[:12], -filters[12:])
    own = filters[:12].flatten(1)
    signs = (own * expected).sum(dim=1).sign()
    torch.testing.assert_close(own * signs[:, None], expected, rtol=1e-4, atol=1e-5)


def test_patches_in_memory_do_not_grow_with_the_size_of_images(monkeypatch):
    """The sums are the same in parts; a part has one image if that alone has more patches than fit."""
    images, parts = torch.randn(6, 2, 9, 9), []
    expected = patch_moments(images, 2)

    def counted(part, size):
        parts.append(len(part))
        return functional.unfold(part, size)

    monkeypatch.setattr(whitening, "unfold", counted)
    for limit, lengths in ((3 * 64 + 5, [3, 3]), (10, [1] * 6)):
        parts.clear()
        monkeypatch.setattr(whitening, "_CHUNK", limit)
        torch.testing.assert_close(patch_moments(images, 2), expected)
        assert parts == lengths


def test_whitening_of_constant_images_is_finite():
    """The eigenvalues are zero, and only eps divides."""
    assert whitening_filters(torch.zeros(4, 3, 8, 8), 2, 5e-4).isfinite().all()


def test_dirac_kernels_copy_their_input():
    """Without activation and normalisation, the first outputs of a convolution are its inputs."""
    group = ConvGroup(4, 9, (0.4, False), identity=True)
    images = torch.randn(2, 4, 6, 6)
    assert torch.equal(group.conv1(images)[:, :4], images)
    assert group.conv1(images)[:, 4:].abs().mean() > 0.01


def test_network_equals_a_transcription(info, pictures):
    """The same weights in functions of torch, written as the paper draws the network, give the same logits."""
    model = airbench(info, width=4)
    with torch.no_grad():
        model.initialise_with_images(lambda count: pictures[:count])
    model(pictures[:32])
    model.eval()
    weights = model.state_dict()

    def conv_pool_norm(x, group, number):
        x = functional.conv2d(x, weights[f"group{group}.conv{number}.weight"], padding="same")
        x = functional.max_pool2d(x, 2) if number == 1 else x
        mean, var = (weights[f"group{group}.norm{number}.running_{each}"][:, None, None] for each in ("mean", "var"))
        return functional.gelu((x - mean) / var.sqrt() + weights[f"group{group}.norm{number}.bias"][:, None, None])

    x = functional.gelu(functional.conv2d(pictures[:8], weights["stem.weight"], weights["stem.bias"]))
    for group in (1, 2, 3):
        x = conv_pool_norm(conv_pool_norm(x, group, 1), group, 2)
    assert x.shape == (8, 16, 3, 3)
    logits = functional.max_pool2d(x, 3).flatten(1) @ weights["head.weight"].T / 9
    with torch.no_grad():
        torch.testing.assert_close(model(pictures[:8]), logits, rtol=1e-4, atol=1e-4)


def test_network_of_width_64_has_the_published_size(info):
    """1.97 M weights; the scales of normalisation and the whitening kernel are not trained."""
    model = airbench(info)
    assert sum(weight.numel() for weight in model.parameters()) == 1_972_792
    fixed = {name for name, weight in model.named_parameters() if not weight.requires_grad}
    assert fixed == {"stem.weight", *(f"group{g}.norm{n}.weight" for g in (1, 2, 3) for n in (1, 2))}
    assert {module.momentum for module in model.modules() if isinstance(module, nn.BatchNorm2d)} == {0.4}


def test_biases_of_the_first_layer_are_trained_for_some_epochs(info):
    """From epoch 3 on they get no gradient; the kernel never gets one."""
    model = airbench(info, width=2).train()
    for epoch, trained in ((0, True), (2, True), (3, False)):
        model.zero_grad()
        with at(epoch):
            model(torch.randn(4, 3, 32, 32)).square().sum().backward()
        assert (model.stem.bias.grad is not None) == trained
        assert model.stem.weight.grad is None


def test_compiled_network_is_compiled_once_for_training(info):
    """Another epoch is no other graph; the biases of a copy get no gradient from epoch 3 on either."""
    model = copy.deepcopy(airbench(info, width=2)).train()
    counter = CompileCounter()
    call = torch.compile(model, backend=counter)
    for epoch in range(6):
        model.zero_grad()
        with at(epoch):
            call(torch.ones(4, 3, 32, 32)).square().sum().backward()
        assert (model.stem.bias.grad is not None) == (epoch < 3)
        assert model.head.weight.grad is not None
    assert counter.frame_count == 1


def test_too_small_images_are_refused(info):
    """Three poolings need nine pixels after the whitening of 2x2 patches."""
    assert airbench(replace(info, height=9, width=9), width=2)(torch.randn(2, 3, 9, 9)).shape == (2, 10)
    with pytest.raises(ValueError, match="9x9 pixels"):
        airbench(replace(info, height=8, width=32), width=2)


@pytest.mark.parametrize("finetune", [False, True])
def test_biases_of_normalisation_have_a_multiple_of_the_rate(finetune):
    """SGD with groups of their own rates and decays moves as the scaled gradients do, after several steps."""
    ours, theirs = small(), small()
    named = list(ours.named_parameters())
    given = [{"params": named[:1], "name": "a"}, {"params": named[1:], "name": "b"}] if finetune else named
    one = ScaledBiasSGD(given, [], lr=0.02, weight_decay=0.1, bias_factor=8.0)
    others = [weight for name, weight in theirs.named_parameters() if name != "norm.bias"]
    groups = [{"params": others}, {"params": [theirs.norm.bias], "lr": 0.16, "weight_decay": 0.1 / 8}]
    two = torch.optim.SGD(groups, lr=0.02, weight_decay=0.1, momentum=0.85, nesterov=True)
    for number in range(4):
        step_of(ours, one, number)
        step_of(theirs, two, number)
    for a, b in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(a, b)


def test_rates_of_the_paper_are_the_defaults():
    """11.5 and 0.0153 per 1024 images, decoupled from a momentum of 0.85, for batches of 1024."""
    group = ScaledBiasSGD(small().named_parameters(), []).param_groups[0]
    q = 1 + 1 / (1 - 0.85)
    assert group["lr"] == pytest.approx(11.5 / q, rel=1e-3)
    assert group["weight_decay"] == pytest.approx(0.0153 / 11.5, rel=1e-3)


def test_optimizer_without_such_biases_is_refused():
    """A pattern that matches nothing would silently train all weights alike."""
    with pytest.raises(ValueError, match=r"biases: no trained weight.*norm\.bias"):
        ScaledBiasSGD(small().named_parameters(), [], biases=["*layernorm*"])


def test_lookahead_equals_a_reference():
    """Slow weights and statistics, written out: decay 0.9 ** 2 * (s / S) ** 3 every second step, slow at the end."""
    net, reference = small(), small()
    one = ScaledBiasSGD(net.named_parameters(), buffers_of(net), lr=0.05, lookahead=2, lookahead_decay=0.9)
    two = ScaledBiasSGD(reference.named_parameters(), [], lr=0.05)
    slow = None
    total = 7
    for number in range(total):
        with at(0, number, 1, total):
            step_of(net, one, number)
            step_of(reference, two, number)
        state = {name: v for name, v in reference.state_dict().items() if v.is_floating_point()}
        if (number + 1) % 2 == 0:
            kept = 0.9**2 * ((number + 1) / total) ** 3
            if slow is None:
                slow = {name: value.clone() for name, value in state.items()}
            else:
                slow = {name: kept * slow[name] + (1 - kept) * value for name, value in state.items()}
                reference.load_state_dict(slow, strict=False)
        if number + 1 == total:
            reference.load_state_dict(slow, strict=False)
        for name, value in net.state_dict().items():
            torch.testing.assert_close(value, reference.state_dict()[name], msg=f"{name} after step {number}")
    assert kept > 0.3


def test_muon_sgd_orthogonalises_kernels_and_descends_the_others():
    """A step of a kernel has singular values near 1 times the rate; the head moves as SGD at its own rate."""
    net, plain = small(), small()
    one = MuonSGD(net.named_parameters(), [], lr=0.1, ns_steps=5, sgd_factor=0.2, weight_decay=0.1, bias_factor=8.0)
    groups = [{"params": plain.head.parameters()}, {"params": [plain.norm.weight]}]
    groups.append({"params": [plain.norm.bias], "lr": 0.16, "weight_decay": 0.1 / 8})
    groups.append({"params": [plain.conv.bias]})
    two = torch.optim.SGD(groups, lr=0.02, weight_decay=0.1, momentum=0.85, nesterov=True)
    scaled = net.conv.weight.detach() * (6**0.5 / net.conv.weight.norm().item())
    step_of(net, one, 0)
    step_of(plain, two, 0)
    moved = torch.linalg.svdvals((net.conv.weight.detach() - scaled).flatten(1) / 0.1)
    assert moved.min() > 0.5
    assert moved.max() < 1.5
    for name in ("head.weight", "head.bias", "norm.weight", "norm.bias", "conv.bias"):
        torch.testing.assert_close(net.get_parameter(name), plain.get_parameter(name))


def test_muon_sgd_is_the_same_optimizer_whatever_rate_it_was_built_with():
    """A tuner builds it with a placeholder and then sets the rate that it measures."""
    nets = small(), small()
    for net, built in zip(nets, (1e-6, 0.24), strict=True):
        optimizer = MuonSGD(net.named_parameters(), [], lr=built)
        for group in optimizer.param_groups:
            group["lr"] = 0.1
        step_of(net, optimizer, 0)
    for name, value in nets[0].state_dict().items():
        torch.testing.assert_close(value, nets[1].state_dict()[name], msg=name)


def test_flip_alternates_exactly(info):
    """Each image is mirrored in every other epoch, whatever the batch and the order; half begin mirrored."""
    flip, images = alternating_flip(info), (torch.randint(0, 256, (200, 3, 32, 32)) / 255)
    with at(0):
        first = flip(images)
    mirrored = (first != images).flatten(1).any(1)
    assert torch.equal(first[mirrored], images.flip(-1)[mirrored])
    assert 60 < int(mirrored.sum()) < 140
    for epoch in (1, 2, 3):
        order = torch.randperm(200)[:77]
        with at(epoch):
            seen = flip(images[order])
        expected = mirrored[order] ^ bool(epoch % 2)
        assert torch.equal(seen, torch.where(expected[:, None, None, None], images.flip(-1)[order], images[order]))


def test_flip_depends_on_the_seed_of_the_run():
    """Two seeds begin with other images, one seed with the same; and not on an earlier epoch."""

    def begins(seed):
        recipe = resolve(read_any(RECIPE | {"seed": seed}), discover())
        parts = build_parts(recipe, recipe.dataset.build(None))
        flip = parts.preprocessor.augmentations[0][1]
        return flip.begins_mirrored(parts.splits.train.images / 255)

    one, same, other = begins(1), begins(1), begins(2)
    assert torch.equal(one, same)
    assert not torch.equal(one, other)


def test_triangle_rises_and_falls_by_steps():
    """0.2 -> 1 at step 23 of 100 -> towards 0.07 after step 100."""
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=2.0)
    scheduler = triangle(optimizer, StepPlan(steps_per_epoch=10, epochs=10))
    rates = []
    for _ in range(100):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    assert rates[0] == pytest.approx(0.4)
    assert rates[23] == max(rates) == 2.0
    assert rates[99] == pytest.approx(2 * (1 - 0.93 * 76 / 77))
    assert optimizer.param_groups[0]["lr"] == pytest.approx(0.14)
    second = [b - a for a, b in pairwise(rates)]
    assert second[5] == pytest.approx(second[20])
    assert second[30] == pytest.approx(second[90])


@pytest.mark.parametrize("optimizer", ["scaled_bias_sgd", "muon_sgd"])
def test_run_resumes_to_the_bit(optimizer):
    """With look-ahead, from within an epoch and from its end: weights, statistics and slow weights."""
    own = {"name": optimizer, "lr": 0.1, "lookahead": 2}
    first = trainer(RECIPE | {"optimizer": own})
    events = first.fit()
    for _ in range(3):
        next(events)
    state = first.state()
    second = trainer(RECIPE | {"optimizer": own})
    with torch.no_grad():
        second.parts.model.stem.weight.zero_()  # restored as all other weights
    second.restore(state)
    assert list(events)
    assert list(second.fit())
    for (name, a), b in zip(
        first.parts.model.state_dict().items(), second.parts.model.state_dict().values(), strict=True
    ):
        assert torch.equal(a, b), name
    slow = [
        [value for key, value in values.items() if key.startswith("slow")]
        for values in (run.train_step.optimizer.state[run.parts.model.stem.bias] for run in (first, second))
    ]
    assert len(slow[0]) == 12 + (first.parts.model.stem.bias.grad is not None)
    assert all(map(torch.equal, *slow))


def test_mistaken_patterns_are_an_error_of_the_recipe():
    """Before training, with the component's name."""
    with pytest.raises(ComponentError, match=r"speedrun/scaled_bias_sgd.*biases"):
        trainer(RECIPE | {"model": {"name": "custom_resnet", "width": 2}})
