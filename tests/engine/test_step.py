"""A training step is the equation it reads like."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn
from torch.amp.grad_scaler import GradScaler

from cvkit import KINDS, Component, ComponentFailure, DataInfo, Origin
from cvkit.data.loading import Batch
from cvkit.data.preprocessing import Preprocessor
from cvkit.engine.forward import Autocast, ForwardPass
from cvkit.engine.step import TrainStep
from cvkit.guard import Guard, Guards
from cvkit.host.registry import Entry
from cvkit_torch.sam import SAM

CPU = torch.device("cpu")
PART = Entry(KINDS["models"], Component("net", "test_step:net"), Origin("acme", "acme-net", "1.0"))
GUARDS = Guards(*[Guard(PART)] * 4)
INFO = DataInfo(1, 4, 4, ("a", "b", "c"), (0.5,), (0.25,))


def train_step(model=None, device=CPU, autocast=None, scaler=None, **changes):
    torch.manual_seed(0)
    model = model or nn.Sequential(nn.Flatten(), nn.Linear(16, 3)).to(device)
    preprocessor = Preprocessor(INFO, [], device, channels_last=False)
    autocast = autocast or Autocast(device, "fp32")
    forward = ForwardPass(model, model, nn.CrossEntropyLoss(), preprocessor, autocast, GUARDS)
    scaler = scaler or GradScaler(device.type, enabled=False)
    return TrainStep(forward, torch.optim.SGD(model.parameters(), lr=0.1), scaler, **changes)


def batch(n=12, device=CPU):
    generator = torch.Generator().manual_seed(1)
    images = torch.randint(0, 256, (n, 1, 4, 4), dtype=torch.uint8, generator=generator)
    return Batch(images.to(device), (torch.arange(n) % 3).to(device))


def split(whole, sizes):
    images, labels = whole.images.split(sizes), whole.labels.split(sizes)
    return [Batch(*pair) for pair in zip(images, labels, strict=True)]


def weights(step):
    return torch.cat([p.detach().flatten() for p in step.forward.model.parameters()])


def test_step_equals_a_hand_written_one():
    """Forward, loss, backward, update."""
    ours = train_step()
    theirs = copy.deepcopy(ours.forward.model)
    data = batch()
    inputs = (data.images / 255 - 0.5) / 0.25
    expected = nn.functional.cross_entropy(theirs(inputs), data.labels)
    expected.backward()
    loss, hits, _ = ours.take([data], 12)
    with torch.no_grad():
        for parameter in theirs.parameters():
            parameter -= 0.1 * parameter.grad
    torch.testing.assert_close(weights(ours), torch.cat([p.flatten() for p in theirs.parameters()]))
    torch.testing.assert_close(loss, expected.detach())
    assert 0 <= int(hits) <= 12


@pytest.mark.parametrize("sizes", [[4, 4, 4], [5, 5, 2], [11, 1]])
def test_accumulated_micro_batches_equal_one_batch(sizes):
    """Uneven micro-batches included: each counts by its samples."""
    whole, parts = train_step(), train_step()
    loss, hits, _ = whole.take([batch()], 12)
    accumulated_loss, accumulated_hits, _ = parts.take(split(batch(), sizes), 12)
    torch.testing.assert_close(weights(whole), weights(parts))
    torch.testing.assert_close(loss, accumulated_loss)
    assert int(hits) == int(accumulated_hits)


def test_gradient_is_clipped_to_the_norm():
    """The update's length is lr times the norm."""
    ours = train_step(clip_norm=1e-3)
    before = weights(ours)
    ours.take([batch()], 12)
    torch.testing.assert_close((weights(ours) - before).norm(), torch.tensor(1e-4), rtol=1e-3, atol=0)


def test_scaled_loss_takes_the_same_step():
    """fp16's loss scale is undone before clipping and before the update."""
    plain, scaled = (
        train_step(clip_norm=0.05),
        train_step(clip_norm=0.05, scaler=GradScaler("cpu", init_scale=1024.0)),
    )
    plain.take([batch()], 12)
    scaled.take([batch()], 12)
    torch.testing.assert_close(weights(plain), weights(scaled))


def test_overflowing_scaled_step_changes_no_weight():
    """The scaler skips the update and halves its scale."""
    ours = train_step(scaler=GradScaler("cpu", init_scale=3e38))
    before = weights(ours)
    ours.take([Batch(batch().images * 0 + 255, batch().labels * 0)], 12)
    assert torch.equal(weights(ours), before)
    assert ours.scaler.get_scale() < 3e38


def test_bf16_computes_in_bf16_and_keeps_fp32_weights():
    """Autocast, not conversion."""
    seen = []
    model = nn.Sequential(nn.Flatten(), nn.Linear(16, 3))
    model.register_forward_hook(lambda module, inputs, output: seen.append(output.dtype))
    ours = train_step(model, autocast=Autocast(CPU, "bf16"))
    loss, _, _ = ours.take([batch()], 12)
    assert seen == [torch.bfloat16]
    assert all(p.dtype == torch.float32 for p in model.parameters())
    assert loss.dtype == torch.float32


def test_step_never_reads_the_device():
    """On the meta device any read raises, so a step that completes there has not made the host wait."""
    meta = torch.device("meta")
    ours = train_step(device=meta)
    loss, hits, _ = ours.take(split(batch(device=meta), [6, 6]), 12)
    assert loss.device == hits.device == meta


def noisy_net():
    torch.manual_seed(0)
    return nn.Sequential(nn.Flatten(), nn.Linear(16, 8), nn.BatchNorm1d(8), nn.Dropout(0.5), nn.Linear(8, 3))


@pytest.mark.parametrize("sizes", [[12], [5, 7]], ids=["one", "accumulated"])
def test_sam_step_equals_the_formula(sizes):
    """The gradient at w + rho g/|g|, with the same dropout as g; batch statistics move once."""
    model, theirs = noisy_net(), noisy_net()
    ours = train_step(model)
    object.__setattr__(ours, "optimizer", SAM(model.parameters(), lr=0.1, rho=0.2, momentum=0.0))
    parts = split(batch(), sizes)

    def gradients(net):
        torch.manual_seed(7)
        net.zero_grad()
        for part in parts:
            logits = net((part.images / 255 - 0.5) / 0.25)
            (nn.functional.cross_entropy(logits, part.labels) * len(part.labels) / 12).backward()
        return [weight.grad.clone() for weight in net.parameters()]

    here = gradients(theirs)
    buffers = [buffer.clone() for buffer in theirs.buffers()]
    norm = torch.cat([each.flatten() for each in here]).norm()
    before = [weight.detach().clone() for weight in theirs.parameters()]
    with torch.no_grad():
        for weight, gradient in zip(theirs.parameters(), here, strict=True):
            weight += 0.2 * gradient / norm
    there = gradients(theirs)
    expected = [weight - 0.1 * gradient for weight, gradient in zip(before, there, strict=True)]

    torch.manual_seed(7)
    ours.take(parts, 12)
    torch.testing.assert_close([weight.detach() for weight in model.parameters()], expected)
    torch.testing.assert_close(list(model.buffers()), buffers)


def test_optimizer_that_ignores_its_closure_is_named():
    """Without a gradient there is no training."""
    step = train_step()
    step.optimizer.needs_closure = True
    step.optimizer.step = lambda closure: None
    with pytest.raises(ComponentFailure, match="does not call the closure"):
        step.take([batch()], 12)
