"""Models: the networks that are trained."""

from __future__ import annotations

from .kind import Kind, Template

MODELS = Kind(
    "models",
    "model",
    ("info",),
    "an nn.Module: (B, C, H, W) -> (B, K) logits",
    by_name=("restoring",),
    key="model",
    made="torch.nn:Module",
    factory="cvkit.engine.factories:ModelFactory",
    suite="cvkit.testing.models:ModelSuite",
    template=Template("small_cnn", "Three convolutions for small images"),
)
