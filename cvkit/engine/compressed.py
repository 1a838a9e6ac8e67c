"""A run's course in fewer steps, for trials that follow the complete recipe."""

from __future__ import annotations

from dataclasses import dataclass

from ..step_progress import Progress


@dataclass(frozen=True)
class Compressed:
    """A run of `planned` steps in `steps` steps.

    Each step of the trial represents an equal share of the run, and has the learning rate, the frozen weights and the
    progress of the middle of this share.

    Attributes:
        steps: Optimizer steps of the trial.
        planned: Optimizer steps of the run.
        steps_per_epoch: Optimizer steps in an epoch of the run.
    """

    steps: int
    planned: int
    steps_per_epoch: int

    def position(self, taken: int) -> int:
        """Return the run's step, from 0, that step `taken` of the trial represents; later steps are at the last."""
        return (2 * min(taken, self.steps - 1) + 1) * self.planned // (2 * self.steps)

    def progress(self, taken: int) -> Progress:
        """Return the run's progress at step `taken` of the trial, from 0."""
        epoch, step = divmod(self.position(taken), self.steps_per_epoch)
        return Progress.of(epoch, step, self.steps_per_epoch, self.planned)
