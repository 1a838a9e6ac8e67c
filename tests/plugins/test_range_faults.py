"""What other range tests do to a model, by torch-lr-finder itself, and that ours does not."""

from __future__ import annotations

import random

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
from torch_lr_finder import LRFinder

from cvkit.errors import ComponentFailure
from cvkit_onecycle.sweep import run_sweep

RATES = np.geomspace(1e-3, 1e-1, 10)


class Counting(nn.Module):
    """A linear model with batch norm, with a count of steps that no state dict holds; NaN after `good` steps."""

    def __init__(self, good: int = 1000) -> None:
        super().__init__()
        self.good = good
        self.layers = nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4), nn.Dropout(0.5), nn.Linear(4, 2))
        self.register_buffer("steps", torch.zeros(()), persistent=False)

    def forward(self, inputs):
        self.steps += 1
        return self.layers(inputs) * (float("nan") if self.steps > self.good else 1.0)


def lr_finder_on(model: nn.Module, steps: int) -> LRFinder:
    """Run torch-lr-finder as its page shows, `reset` included."""
    data = TensorDataset(torch.randn(64, 4), torch.arange(64) % 2)
    finder = LRFinder(model, torch.optim.SGD(model.parameters(), lr=1e-3), nn.CrossEntropyLoss(), device="cpu")
    finder.range_test(DataLoader(data, batch_size=8, shuffle=True), end_lr=1, num_iter=steps)
    history = dict(finder.history)
    finder.reset()
    finder.history = history
    return finder


def generators() -> tuple[object, ...]:
    return random.getstate(), str(np.random.get_state()), torch.get_rng_state().tolist()


def test_nan_never_stops_torch_lr_finder_and_its_suggestion_is_there():
    """NaN compares false with any threshold: 40 steps of it are taken, and the steepest point is at the first."""
    finder = lr_finder_on(Counting(good=20), 60)
    losses = finder.history["loss"]
    assert len(losses) == 60
    assert np.isnan(losses[20:]).all()
    chosen = np.gradient(np.array(losses[10:-5])).argmin()
    assert np.isnan(losses[10:-5][chosen + 1])


def test_nan_stops_ours_and_is_not_kept(colours_run, wording):
    """At the first one."""
    run = colours_run()

    def broken(module, inputs, outputs):
        module.calls = getattr(module, "calls", 0) + 1
        return outputs * float("nan") if module.calls > 4 else outputs

    run.model.register_forward_hook(broken)
    sweep = run_sweep(run, RATES)
    assert len(sweep.losses) == 4
    assert f"{RATES[4]:.3g}" in sweep.stopped
    assert sweep.stopped == wording


def test_torch_lr_finder_leaves_generators_and_unsaved_buffers_changed():
    """The order of the batches and the dropout of all that is trained afterwards are others."""
    model = Counting()
    torch.manual_seed(0)
    before = generators()
    lr_finder_on(model, 20)
    assert generators() != before
    assert model.steps == 20


def test_torch_lr_finder_leaves_batch_norm_changed_without_reset():
    """Only `reset` puts parameters and buffers back; the call that many forget."""
    model = Counting()
    finder = LRFinder(model, torch.optim.SGD(model.parameters(), lr=1e-3), nn.CrossEntropyLoss(), device="cpu")
    before = model.layers[1].running_mean.clone()
    data = TensorDataset(torch.randn(64, 4), torch.arange(64) % 2)
    finder.range_test(DataLoader(data, batch_size=8), end_lr=1, num_iter=8)
    assert not torch.equal(model.layers[1].running_mean, before)


@pytest.mark.parametrize("failing", [False, True], ids=["whole", "cut short"])
def test_ours_leaves_generators_and_every_buffer(colours_run, failing):
    """Also where the sweep fails midway."""
    run = colours_run()
    run.model.register_buffer("steps", torch.zeros(()), persistent=False)

    def count(module, inputs):
        module.steps += 1
        if failing and module.steps > 3:
            raise ValueError("midway")

    run.model.register_forward_pre_hook(count)
    before = generators()
    buffers = {name: buffer.clone() for name, buffer in run.model.named_buffers()}
    if failing:
        with pytest.raises(ComponentFailure, match="midway"):
            run_sweep(run, RATES)
    else:
        run_sweep(run, RATES)
    assert generators() == before
    assert all(torch.equal(buffer, buffers[name]) for name, buffer in run.model.named_buffers())
    assert all(parameter.grad is None for parameter in run.model.parameters())
