"""Explainers: maps of the evidence for a class in an image."""

from __future__ import annotations

from .kind import Kind, Template

EXPLAINERS = Kind(
    "explainers",
    "explainer",
    ("model",),
    "a callable (images, targets) -> maps (B, H, W) in [0, 1], or in [-1, 1] if it is declared signed",
    by_name=("info", "background"),
    key="explainers",
    many=True,
    affects_training=False,
    methods=("__call__",),
    factory="cvkit.engine.factories:ExplainerFactory",
    products=("cvkit.protocols:Explainer",),
    suite="cvkit.testing.explainers:ExplainerSuite",
    template=Template("SmoothGrad", "SmoothGrad (Smilkov et al. 2017)"),
)
