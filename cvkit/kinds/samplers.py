"""Samplers: which training images an epoch uses, and in which order."""

from __future__ import annotations

from .kind import Kind, Template

SAMPLERS = Kind(
    "samplers",
    "sampler",
    ("labels",),
    "a callable seed -> the order of an epoch: indices of training images, int64 (N,)",
    key="sampler",
    sees_labels=True,
    default="torch/shuffle",
    methods=("__call__",),
    factory="cvkit.engine.factories:SamplerFactory",
    products=("cvkit.protocols:Sampler",),
    suite="cvkit.testing.samplers:SamplerSuite",
    template=Template("Stratified", "Random order in which each class is spread evenly"),
)
