"""Tuners: they choose the value of an option before training, from short trials."""

from __future__ import annotations

from .kind import Kind, Template

TUNERS = Kind(
    "tuners",
    "tuner",
    ("run",),
    "a Proposal: a value for one place in the recipe",
    by_name=("target",),
    key="tuners",
    sees_labels=True,
    many=True,
    sets=True,
    made="cvkit.engine.proposal:Proposal",
    factory="cvkit.engine.factories:TunerFactory",
    suite="cvkit.testing.tuners:TunerSuite",
    template=Template("try_rates", "Try several learning rates"),
)
