"""Declare the one-cycle learning-rate schedule, and two tuners that find its peak: a range test and a race."""

from __future__ import annotations

from collections.abc import Iterator

from cvkit import Component, hookimpl


@hookimpl
def cvkit_schedulers() -> Iterator[Component]:
    """Declare one_cycle."""
    yield Component(
        "one_cycle", "cvkit_onecycle.schedule:one_cycle", summary="Learning rate up, then down to almost zero"
    )


@hookimpl
def cvkit_tuners() -> Iterator[Component]:
    """Declare lr_range_test and successive_halving."""
    yield Component(
        "lr_range_test",
        "cvkit_onecycle.range_test:lr_range_test",
        summary="Sweep the learning rate and propose its peak",
        tasks=("single_label", "multi_label"),
    )
    yield Component(
        "successive_halving",
        "cvkit_onecycle.halving:successive_halving",
        summary="Train several values briefly, and propose the one with the lowest validation loss",
        tasks=("single_label", "multi_label"),
        forecast="cvkit_onecycle.halving:forecast",
    )
