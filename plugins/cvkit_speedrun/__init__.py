"""Declare the parts of airbench94, a technique that reaches 94 % on CIFAR-10 with little computation."""

from __future__ import annotations

from collections.abc import Iterator

from cvkit import Component, hookimpl


@hookimpl
def cvkit_models() -> Iterator[Component]:
    """Declare airbench."""
    yield Component(
        "airbench",
        "cvkit_speedrun.network:airbench",
        "Convolutional network whose first layer whitens patches, 2.0 M weights",
    )


@hookimpl
def cvkit_augmentations() -> Iterator[Component]:
    """Declare alternating_flip."""
    yield Component(
        "alternating_flip",
        "cvkit_speedrun.flip:alternating_flip",
        "Mirror each image in every other epoch",
    )


@hookimpl
def cvkit_optimizers() -> Iterator[Component]:
    """Declare scaled_bias_sgd and muon_sgd."""
    yield Component(
        "scaled_bias_sgd",
        "cvkit_speedrun.sgd:ScaledBiasSGD",
        "SGD with a higher rate for the biases of normalisation, and look-ahead",
        usual_lr=(0.03, 3.0),
    )
    yield Component(
        "muon_sgd",
        "cvkit_speedrun.muon:MuonSGD",
        "Muon for the kernels of convolutions, scaled-bias SGD for the other weights",
        usual_lr=(0.03, 0.5),
    )


@hookimpl
def cvkit_schedulers() -> Iterator[Component]:
    """Declare triangle."""
    yield Component(
        "triangle", "cvkit_speedrun.triangle:triangle", "Linear rise to the optimizer's rate, linear fall"
    )
