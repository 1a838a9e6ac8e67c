"""The one-cycle schedule, and the learning-rate range test that finds its peak."""

from __future__ import annotations

from collections.abc import Iterator

from cvkit import Component, hookimpl


@hookimpl
def cvkit_schedulers() -> Iterator[Component]:
    """Offer the schedule to recipes as `one_cycle`."""
    yield Component(
        "one_cycle", "cvkit_onecycle.schedule:one_cycle", summary="Learning rate up, then down to near zero"
    )


@hookimpl
def cvkit_tuners() -> Iterator[Component]:
    """Offer the range test to recipes as `lr_range_test`."""
    yield Component(
        "lr_range_test",
        "cvkit_onecycle.range_test:lr_range_test",
        summary="Sweep the learning rate, propose its peak",
    )
