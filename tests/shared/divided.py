"""A run of a few seconds that several processes divide, and what it leads to."""

from __future__ import annotations

import torch

from cvkit.runs.folder import RunFolder

RECIPE = """\
name: divided
dataset: {name: shapes, train_size: 34, test_size: 20}
augmentations: [{name: random_crop, padding: 2}, horizontal_flip, cutout]
model: {name: custom_resnet, width: 2}
optimizer: {name: sgd, lr: 0.05, momentum: 0.9}
train: {epochs: 2, batch_size: 8, drop_last: false, checkpoint_every: 1, device: cpu, ema: 0.9}
report: {misclassified: 0, augmented: 0}
"""
STEPS = 10


def weights(folder: RunFolder) -> dict[str, torch.Tensor]:
    """Return the tensors of the newest checkpoint by name."""
    state, damaged = folder.newest_state()
    assert not damaged
    momenta = {name: values["momentum_buffer"] for name, values in state["optimizer"]["state"].items()}
    parts = {"model": state["model"], "ema": state["ema"], "momenta": momenta}
    return {f"{part} {name}": tensor for part, tensors in parts.items() for name, tensor in tensors.items()}
