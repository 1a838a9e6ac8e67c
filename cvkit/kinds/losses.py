"""Losses: the values that training minimises."""

from __future__ import annotations

from .kind import Kind, Template

LOSSES = Kind(
    "losses",
    "loss",
    ("info",),
    "an nn.Module: logits (B, K), labels (B,) -> the mean loss, a scalar",
    by_name=("class_counts",),
    key="loss",
    sees_labels=True,
    default="torch/cross_entropy",
    made="torch.nn:Module",
    factory="cvkit.engine.factories:LossFactory",
    suite="cvkit.testing.losses:LossSuite",
    template=Template("FocalLoss", "Focal loss (Lin et al. 2017)"),
)
