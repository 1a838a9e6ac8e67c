"""A training step is the equation it reads like."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn
from torch.amp.grad_scaler import GradScaler

from cvkit import KINDS, Component, DataInfo, Origin
from cvkit.data.loading import Batch
from cvkit.data.preprocessing import Preprocessor
from cvkit.engine.step import Autocast, TrainStep
from cvkit.guard import Guard, Guards
from cvkit.host.registry import Entry

CPU = torch.device("cpu")
PART = Entry(KINDS["models"], Component("net", "test_step:net"), Origin("acme", "acme-net", "1.0"))
GUARDS = Guards(*[Guard(PART)] * 4)
INFO = DataInfo(1, 4, 4, ("a", "b", "c"), (0.5,), (0.25,))


def learner(model=None, device=CPU, **changes):
    torch.manual_seed(0)
    model = model or nn.Sequential(nn.Flatten(), nn.Linear(16, 3)).to(device)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    parts = {
        "model": model,
        "forward": model,
        "loss": nn.CrossEntropyLoss(),
        "optimizer": optimizer,
        "pixels": Preprocessor(INFO, [], device, channels_last=False),
        "autocast": Autocast(device, "fp32"),
        "scaler": GradScaler(device.type, enabled=False),
        "guards": GUARDS,
    }
    return TrainStep(**{**parts, **changes})


def batch(n=12, device=CPU):
    generator = torch.Generator().manual_seed(1)
    images = torch.randint(0, 256, (n, 1, 4, 4), dtype=torch.uint8, generator=generator)
    return Batch(images.to(device), (torch.arange(n) % 3).to(device))


def split(whole, sizes):
    images, labels = whole.images.split(sizes), whole.labels.split(sizes)
    return [Batch(*pair) for pair in zip(images, labels, strict=True)]


def weights(learner):
    return torch.cat([p.detach().flatten() for p in learner.model.parameters()])


def test_step_equals_a_hand_written_one():
    """Forward, loss, backward, update."""
    ours = learner()
    theirs = copy.deepcopy(ours.model)
    data = batch()
    inputs = (data.images / 255 - 0.5) / 0.25
    expected = nn.functional.cross_entropy(theirs(inputs), data.labels)
    expected.backward()
    loss, hits = ours.step([data], 12)
    with torch.no_grad():
        for parameter in theirs.parameters():
            parameter -= 0.1 * parameter.grad
    torch.testing.assert_close(weights(ours), torch.cat([p.flatten() for p in theirs.parameters()]))
    torch.testing.assert_close(loss, expected.detach())
    assert 0 <= int(hits) <= 12


@pytest.mark.parametrize("sizes", [[4, 4, 4], [5, 5, 2], [11, 1]])
def test_accumulated_micro_batches_equal_one_batch(sizes):
    """Uneven micro-batches included: each counts by its samples."""
    whole, parts = learner(), learner()
    loss, hits = whole.step([batch()], 12)
    accumulated_loss, accumulated_hits = parts.step(split(batch(), sizes), 12)
    torch.testing.assert_close(weights(whole), weights(parts))
    torch.testing.assert_close(loss, accumulated_loss)
    assert int(hits) == int(accumulated_hits)


def test_gradient_is_clipped_to_the_norm():
    """The update's length is lr times the norm."""
    ours = learner(clip_norm=1e-3)
    before = weights(ours)
    ours.step([batch()], 12)
    torch.testing.assert_close((weights(ours) - before).norm(), torch.tensor(1e-4), rtol=1e-3, atol=0)


def test_scaled_loss_takes_the_same_step():
    """fp16's loss scale is undone before clipping and before the update."""
    plain, scaled = learner(clip_norm=0.05), learner(clip_norm=0.05, scaler=GradScaler("cpu", init_scale=1024.0))
    plain.step([batch()], 12)
    scaled.step([batch()], 12)
    torch.testing.assert_close(weights(plain), weights(scaled))


def test_overflowing_scaled_step_changes_no_weight():
    """The scaler skips the update and halves its scale."""
    ours = learner(scaler=GradScaler("cpu", init_scale=3e38))
    before = weights(ours)
    ours.step([Batch(batch().images * 0 + 255, batch().labels * 0)], 12)
    assert torch.equal(weights(ours), before)
    assert ours.scaler.get_scale() < 3e38


def test_bf16_computes_in_bf16_and_keeps_fp32_weights():
    """Autocast, not conversion."""
    seen = []
    model = nn.Sequential(nn.Flatten(), nn.Linear(16, 3))
    model.register_forward_hook(lambda module, inputs, output: seen.append(output.dtype))
    ours = learner(model, autocast=Autocast(CPU, "bf16"))
    loss, _ = ours.step([batch()], 12)
    assert seen == [torch.bfloat16]
    assert all(p.dtype == torch.float32 for p in model.parameters())
    assert loss.dtype == torch.float32


def test_step_never_reads_the_device():
    """On the meta device any read raises, so a step that completes there has not made the host wait."""
    meta = torch.device("meta")
    ours = learner(device=meta)
    loss, hits = ours.step(split(batch(device=meta), [6, 6]), 12)
    assert loss.device == hits.device == meta
