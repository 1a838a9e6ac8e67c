"""Optimizers: how a gradient moves the weights."""

from __future__ import annotations

from .kind import Kind, Template

OPTIMIZERS = Kind(
    "optimizers",
    "optimizer",
    ("params",),
    "a torch.optim.Optimizer",
    by_name=("named_params", "buffers"),
    key="optimizer",
    tunable=True,
    made="torch.optim:Optimizer",
    factory="cvkit.engine.factories:OptimizerFactory",
    suite="cvkit.testing.optimizers:OptimizerSuite",
    template=Template("Lion", "Lion (Chen et al. 2023)"),
)
