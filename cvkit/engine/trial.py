"""A trial: a temporary copy of a run for a tuner, trained by the run's own training step."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from itertools import count, islice

import torch
from torch import Tensor
from torch.optim import Optimizer

from ..data.loading import BatchSource
from ..errors import RunError
from ..phases import advance
from ..recipe.settings import TrainSettings
from .compressed import Compressed
from .eval_mode import eval_mode
from .loop import EpochBatches, evaluate, train_steps
from .predictions import Predictions
from .sampling import Sampling
from .schedule import Schedule
from .step import TrainStep

READ_EVERY = 8  # steps after which the losses are read from a GPU


class Trial:
    """A copy of a run's model and optimizer that trains on the run's data, with its own order and random draws.

    Create it with `RunParts.trial`, which also restores the global random generators. Setting `learning_rate` sets
    the largest rate of the parameter groups and keeps their ratios. If the trial has a schedule, that sets the
    learning rate after each step. `cvkit.progress` counts the trial's own steps, of as many as the run has, and stays
    at the last one; in a compressed trial it is the progress of the run that the trial represents. The constructor
    raises `RunError` if the training images do not fill a batch.
    """

    def __init__(
        self,
        train_step: TrainStep,
        source: BatchSource,
        batching: EpochBatches,
        sampling: Sampling,
        seed: int,
        purpose: str,
        settings: TrainSettings,
        held: BatchSource | None = None,
        new_schedule: Callable[[Optimizer], Schedule] | None = None,
        compressed: Compressed | None = None,
    ) -> None:
        self._step, self._source, self._batching = train_step, source, replace(batching, samples=len(source))
        self._sampling, self._seed, self._purpose, self._held = sampling, seed, purpose, held
        self._settings, self._compressed = settings, compressed
        rates = [float(group["lr"]) for group in train_step.optimizer.param_groups]
        largest = max(rates) or 1.0  # all rates may be 0, and then none has a ratio to another
        self._ratios = [rate / largest if any(rates) else 1.0 for rate in rates]
        self._schedule = None if new_schedule is None else new_schedule(train_step.optimizer)
        if self._schedule is not None and compressed is not None:
            self._schedule.skip_to(compressed.position(0))
        self._block = 1 if train_step.forward.device.type == "cpu" else READ_EVERY
        if self._batching.steps == 0:
            raise RunError(
                f"{len(source)} training images remain after {len(held or ())} are held out, less than a batch of "
                f"{batching.batch_size}; use a smaller train.batch_size, or hold out fewer images"
            )

    @property
    def learning_rate(self) -> float:
        """The largest learning rate of the parameter groups."""
        return max(float(group["lr"]) for group in self._step.optimizer.param_groups)

    @learning_rate.setter
    def learning_rate(self, value: float) -> None:
        for group, ratio in zip(self._step.optimizer.param_groups, self._ratios, strict=True):
            group["lr"] = value * ratio

    def steps(self) -> Iterator[Tensor]:
        """Take optimizer steps without end.

        Yields:
            The mean loss of each step, a scalar on the device.
        """
        taken = 0
        for epoch in count():
            for result in train_steps(
                self._step,
                self._source,
                self._batching,
                self._sampling,
                self._seed,
                epoch,
                purpose=self._purpose,
                planned=self._settings.steps(self._batching.steps),
                compressed=self._compressed,
            ):
                taken += 1
                advance()
                if self._schedule is not None and self._compressed is not None:
                    self._schedule.skip_to(self._compressed.position(taken))
                elif self._schedule is not None:
                    self._schedule.step()
                yield result.loss

    def steps_at(self, rates: Iterable[float]) -> Iterator[float]:
        """Take one optimizer step at each learning rate.

        On a GPU, losses are read for several steps at once, so that the host does not wait for each step. If the
        caller stops early, some more steps may already have been taken.

        Args:
            rates: Learning rates, one for each step.

        Yields:
            The mean loss of each step, in order.
        """
        steps, waiting = self.steps(), iter(rates)
        while chosen := list(islice(waiting, self._block)):
            losses = []
            for rate in chosen:
                self.learning_rate = float(rate)
                losses.append(next(steps))
            yield from torch.stack(losses).tolist()

    def take(self, count: int) -> Iterator[float]:
        """Take optimizer steps at the rates that the trial has.

        As in `steps_at`, on a GPU some more steps may be taken than are read.

        Args:
            count: The number of steps.

        Yields:
            The mean loss of each step, in order.
        """
        steps = islice(self.steps(), count)
        while losses := list(islice(steps, self._block)):
            yield from torch.stack(losses).tolist()

    def held_out(self) -> Predictions:
        """Return the copy's predictions for the images to judge by, without augmentation, with the recipe's loss.

        Raises:
            RunError: The trial has no held-out images.
        """
        if self._held is None:
            raise RunError("this trial has no held-out images; request some: run.trial(purpose, hold_out=500)")
        return evaluate(self._step.forward, self._held, self._batching.batch_size, world=self._step.replicas.world)

    def losses_of_parts(self, predictions: Predictions, parts: int) -> list[float]:
        """Return the recipe's loss on parts of the predictions, which tell how much it depends on the images.

        Args:
            predictions: Predictions of the trial.
            parts: The number of parts, of equal size as far as possible; at most one for each image.

        Returns:
            The mean loss of each part.
        """
        forward = self._step.forward
        logits, labels = predictions.logits.to(forward.device), predictions.labels.to(forward.device)
        pairs = zip(
            logits.tensor_split(min(parts, len(labels))), labels.tensor_split(min(parts, len(labels))), strict=True
        )
        with torch.no_grad(), eval_mode(forward.model, forward.loss):
            return torch.stack([forward.loss_of(*pair) for pair in pairs]).tolist()
