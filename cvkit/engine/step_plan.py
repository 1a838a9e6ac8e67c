"""The plan of a run: how many optimizer steps it takes, which is what a schedule is drawn over."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class StepPlan:
    """How many optimizer steps an epoch has, and how many epochs are planned."""

    steps_per_epoch: int
    epochs: int

    @property
    def total_steps(self) -> int:
        """Optimizer steps over all epochs."""
        return self.steps_per_epoch * self.epochs
