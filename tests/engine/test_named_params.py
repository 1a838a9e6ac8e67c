"""Optimizers that ask for the names of the weights, in a run."""

from __future__ import annotations

import pytest
import torch

from cvkit import trainer

RECIPE = {
    "dataset": {"name": "shapes", "train_size": 60, "test_size": 20},
    "model": {"name": "custom_resnet", "width": 4},
    "optimizer": {"name": "muon", "lr": 0.01},
    "scheduler": "cosine",
    "train": {"epochs": 2, "batch_size": 20},
}


@pytest.mark.parametrize("finetune", [{}, {"head_lr": 10.0, "no_decay": ["bias"]}], ids=["plain", "groups"])
def test_muon_resumes_to_the_bit(finetune):
    """A state after a step leads to the same weights, with and without parameter groups."""
    first = trainer(RECIPE | {"finetune": finetune})
    events = first.fit()
    next(events)
    state = first.state()
    second = trainer(RECIPE | {"finetune": finetune})
    second.restore(state)
    assert [list(events) and None, list(second.fit()) and None] == [None, None]
    for a, b in zip(first.parts.model.parameters(), second.parts.model.parameters(), strict=True):
        assert torch.equal(a, b)
    named = dict(first.parts.model.named_parameters())
    held = [name for group in first.train_step.optimizer.param_groups for name in group["param_names"]]
    assert sorted(held) == sorted(named)
