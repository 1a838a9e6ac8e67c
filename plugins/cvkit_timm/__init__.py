"""Declare every model of timm, and its optimizers, as ``timm/NAME``."""

from __future__ import annotations

from collections.abc import Iterator

from cvkit import Component, hookimpl


@hookimpl
def cvkit_models() -> Iterator[Component]:
    """Declare the family of timm's models."""
    yield Component(
        "*",
        "cvkit_timm.model:timm_model",
        "Any timm model, adapted to the classes, channels and image size of the data set",
        members="cvkit_timm.names:names",
        requires=("timm",),
    )


@hookimpl
def cvkit_optimizers() -> Iterator[Component]:
    """Declare the family of timm's optimizers."""
    yield Component(
        "*",
        "cvkit_timm.optimizer:timm_optimizer",
        "Any timm optimizer that a checkpoint can continue exactly",
        members="cvkit_timm.names:optimizer_names",
        usual_lr="cvkit_timm.names:usual_lr",
        requires=("timm>=1.0.12",),
    )
