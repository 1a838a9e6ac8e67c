"""A model compiled: for batches of the size that it is tried on, and refused with a reason where it cannot be."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from cvkit import RunError
from cvkit.engine.compilation import compiled


@pytest.fixture
def graphs(monkeypatch):
    """What each graph was given beside tensors, the sizes it leaves open; nothing is compiled further."""
    compile_, seen = torch.compile, []

    def backend(graph, inputs):
        seen.append([value for value in inputs if not isinstance(value, torch.Tensor)])
        return graph.forward

    monkeypatch.setattr(torch, "compile", lambda model: compile_(model, backend=backend))
    torch._dynamo.reset()
    yield seen
    torch._dynamo.reset()


def test_training_is_compiled_for_its_own_batch_size(make_run, graphs):
    """Tried on one image, torch would make the batch size a variable: slower code, and compiled once more."""
    for event, _ in zip(make_run("train.compile=true").fit(), range(2), strict=False):
        assert event.step
    assert graphs == [[], []]  # one for the trial without gradients, one for training


class Silent(nn.Module):
    """A model whose code fails without a word."""

    def forward(self, images):
        raise NotImplementedError


def test_failure_without_a_message_is_told_by_its_name(graphs):
    """Many are: `NotImplementedError()` says nothing."""
    with pytest.raises(RunError, match="NotImplementedError"):
        compiled(Silent(), torch.zeros(2, 3))
