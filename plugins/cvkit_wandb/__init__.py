"""Declare the observer `wandb`, which reports runs to Weights & Biases; requires the package wandb."""

from __future__ import annotations

from collections.abc import Iterator

from cvkit import Component, hookimpl


@hookimpl
def cvkit_observers() -> Iterator[Component]:
    """Declare the observer."""
    yield Component(
        "wandb",
        "cvkit_wandb.observer:WandbObserver",
        summary="Reports a run to Weights & Biases, online or offline",
        requires=("wandb>=0.17",),
    )
