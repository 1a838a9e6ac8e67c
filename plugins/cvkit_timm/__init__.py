"""Declare every model of timm as ``timm/NAME``."""

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
