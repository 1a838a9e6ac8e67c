"""The progress of training at the current step, for parts that change over a run. It does not need torch.

The training loop sets it for the whole process, like the global random generators that it seeds: the backward pass
on a GPU may call code of the model from another thread.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass(frozen=True)
class Progress:
    """Where training is, before a step is taken: a function of counters, so a resumed run sees the same values.

    Attributes:
        epoch: The number of the current epoch, from 0.
        step: The number of the current optimizer step in the run, from 0.
        epochs: The number of epochs that training begins, at least 1.
        steps: The planned number of optimizer steps of the run, at least 1.
    """

    epoch: int
    step: int
    epochs: int
    steps: int

    @classmethod
    def of(cls, epoch: int, step: int, steps_per_epoch: int, planned: int) -> Progress:
        """Return the progress at a step of an epoch, both from 0.

        A trial may take more steps than the run has; it then stays at the last step.

        Args:
            epoch: The epoch.
            step: The step in the epoch.
            steps_per_epoch: Optimizer steps in a full epoch.
            planned: Optimizer steps of the run.
        """
        epochs = -(-planned // steps_per_epoch)
        return cls(min(epoch, epochs - 1), min(epoch * steps_per_epoch + step, planned - 1), epochs, planned)

    @property
    def fraction(self) -> float:
        """The fraction of the run's steps that were taken before this one, in [0, 1)."""
        return self.step / self.steps


class _Now:
    """What `progress` returns: None outside training steps."""

    progress: Progress | None = None


def progress(*, default: Progress | None = None) -> Progress:
    """Return the progress of training, for augmentations, models and losses that change over a run.

    Evaluation and prediction have no progress. A module asks only if its ``self.training`` is true, or gives a
    `default`.

    Args:
        default: What to return outside training steps; None for an error.

    Returns:
        Epoch and step, from 0, the planned number of both, and the fraction of the steps taken, in [0, 1).

    Raises:
        RuntimeError: No training step is being taken, and there is no default.
    """
    if _Now.progress is not None:
        return _Now.progress
    if default is not None:
        return default
    raise RuntimeError(  # not a CvkitError, so that the guard of the caller names the component
        "cvkit.progress() was called outside a training step, but evaluation and prediction have no progress; call "
        "it only in training (`if self.training:` in a module), or give a default: cvkit.progress(default=...)"
    )


@contextmanager
def during(current: Progress | None) -> Iterator[None]:
    """Let `progress` return `current` within the block; with None, it has none."""
    before, _Now.progress = _Now.progress, current
    try:
        yield
    finally:
        _Now.progress = before


ProgressOf = Callable[[int], Progress]
"""Returns the progress at which a batch of an epoch is used, by the number of the batch, from 0."""
