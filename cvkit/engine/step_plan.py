"""The number of optimizer steps that a run plans, which a scheduler needs."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class StepPlan:
    """The number of planned steps.

    Attributes:
        steps_per_epoch: Optimizer steps in an epoch.
        epochs: Planned epochs.
    """

    steps_per_epoch: int
    epochs: int

    @property
    def total_steps(self) -> int:
        """The number of optimizer steps in all epochs."""
        return self.steps_per_epoch * self.epochs
