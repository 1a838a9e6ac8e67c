"""A trial: a tuner's throw-away copy of a run, trained by the run's own step."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import count, islice

import torch
from torch import Tensor

from ..data.loading import BatchSource
from ..errors import RunError
from .loop import EpochBatches, evaluate, train_steps
from .records import Predictions
from .schedule import Schedule
from .step import TrainStep

READ_EVERY = 8  # steps between two looks at a GPU's losses


class Trial:
    """A copy of a run's model and optimizer that trains on the run's data, by its own order and draws.

    Make one with `RunParts.trial`, which also restores the global generators. Setting `learning_rate` keeps the
    ratios of the parameter groups: the largest group gets the value itself. `held`: the images held out, if any.
    `schedule`: what moves the learning rate after each step, if anything does; then `learning_rate` need not be set.
    Raises `RunError` where those in `source` do not make a batch.
    """

    def __init__(
        self,
        train_step: TrainStep,
        source: BatchSource,
        batching: EpochBatches,
        seed: int,
        purpose: str,
        held: BatchSource | None = None,
        schedule: Schedule | None = None,
    ) -> None:
        self._step, self._source, self._batching = train_step, source, replace(batching, samples=len(source))
        self._seed, self._purpose, self._held = seed, purpose, held
        self._schedule = schedule
        rates = [float(group["lr"]) for group in train_step.optimizer.param_groups]
        self._ratios = [rate / max(rates) for rate in rates]
        self._block = 1 if train_step.forward.device.type == "cpu" else READ_EVERY
        if self._batching.steps == 0:
            raise RunError(
                f"{len(source)} training images, beside {len(held or ())} held out, are less than a batch of "
                f"{batching.batch_size}; use a smaller train.batch_size, or hold out fewer"
            )

    @property
    def learning_rate(self) -> float:
        """The largest parameter group's learning rate."""
        return max(float(group["lr"]) for group in self._step.optimizer.param_groups)

    @learning_rate.setter
    def learning_rate(self, value: float) -> None:
        for group, ratio in zip(self._step.optimizer.param_groups, self._ratios, strict=True):
            group["lr"] = value * ratio

    def steps(self) -> Iterator[Tensor]:
        """Take optimizer steps without end, yielding each one's mean loss, a scalar on the device."""
        for epoch in count():
            for loss, _ in train_steps(
                self._step, self._source, self._batching, self._seed, epoch, purpose=self._purpose
            ):
                yield loss
                if self._schedule is not None:
                    self._schedule.step()

    def steps_at(self, rates: Iterable[float]) -> Iterator[float]:
        """Take one optimizer step at each learning rate, yielding its mean loss, in order.

        On a GPU losses are read a few at a time, so that the host does not wait for each step: who stops early may
        have paid for some steps more.
        """
        steps, waiting = self.steps(), iter(rates)
        while chosen := list(islice(waiting, self._block)):
            losses = []
            for rate in chosen:
                self.learning_rate = float(rate)
                losses.append(next(steps))
            yield from torch.stack(losses).tolist()

    def held_out(self) -> Predictions:
        """Return what the copy says of the images held out, without augmentation, by the recipe's loss.

        Raises `RunError` where none are.
        """
        if self._held is None:
            raise RunError("this trial holds no images out; ask for some: run.trial(purpose, hold_out=500)")
        return evaluate(self._step.forward, self._held, self._batching.batch_size)
