"""Every timm model, as ``timm/NAME``."""

from __future__ import annotations

from collections.abc import Iterator

from cvkit import Component, hookimpl


@hookimpl
def cvkit_models() -> Iterator[Component]:
    """Declare the family of timm's models."""
    yield Component(
        "*",
        "cvkit_timm.model:timm_model",
        "Any model of timm, fitted to the data set's classes, channels and image size",
        members="cvkit_timm.names:names",
        requires=("timm",),
    )
