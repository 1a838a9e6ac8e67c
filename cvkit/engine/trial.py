"""A trial: a tuner's throw-away copy of a run, trained by the run's own step; and the proposal it leads to."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from itertools import count, islice
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from ..data.loading import BatchSource
from ..errors import RunError
from .loop import EpochBatches, evaluate, train_steps
from .records import Predictions
from .step import TrainStep

if TYPE_CHECKING:
    from matplotlib.figure import Figure

READ_EVERY = 8  # steps between two looks at a GPU's losses


@dataclass(frozen=True)
class Proposal:
    """What a tuner found: a `value` for its place in the recipe, or None with the `reason` why it proposes none.

    `title` and `caption` introduce the figure, which `draw` fills. `data` is JSON-ready and kept beside the run.
    Raises `TypeError` where one of them is of another type, which tells of swapped arguments.
    """

    value: Any
    reason: str
    title: str
    caption: str = ""
    data: dict[str, Any] = field(default_factory=dict)
    draw: Callable[[Figure], None] | None = None

    def __post_init__(self) -> None:
        for name, kind in (("reason", str), ("title", str), ("caption", str), ("data", dict)):
            if not isinstance(value := getattr(self, name), kind):
                raise TypeError(f"Proposal.{name} is a {type(value).__name__}, not a {kind.__name__}: {value!r}")


class Trial:
    """A copy of a run's model and optimizer that trains on the run's data, by its own order and draws.

    Make one with `Run.trial`, which also restores the global generators. Setting `learning_rate` keeps the
    ratios of the parameter groups: the largest group gets the value itself. `held`: the images held out, if any.
    Raises `RunError` where those in `source` do not make a batch.
    """

    def __init__(
        self,
        learner: TrainStep,
        source: BatchSource,
        batching: EpochBatches,
        seed: int,
        purpose: str,
        held: BatchSource | None = None,
    ) -> None:
        self._learner, self._source, self._batching = learner, source, replace(batching, samples=len(source))
        self._seed, self._purpose, self._held = seed, purpose, held
        rates = [float(group["lr"]) for group in learner.optimizer.param_groups]
        self._ratios = [rate / max(rates) for rate in rates]
        self._block = 1 if learner.device.type == "cpu" else READ_EVERY
        if self._batching.steps == 0:
            raise RunError(
                f"{len(source)} training images, beside {len(held or ())} held out, are less than a batch of "
                f"{batching.batch_size}; use a smaller train.batch_size, or hold out fewer"
            )

    @property
    def learning_rate(self) -> float:
        """The largest parameter group's learning rate."""
        return max(float(group["lr"]) for group in self._learner.optimizer.param_groups)

    @learning_rate.setter
    def learning_rate(self, value: float) -> None:
        for group, ratio in zip(self._learner.optimizer.param_groups, self._ratios, strict=True):
            group["lr"] = value * ratio

    def steps(self) -> Iterator[Tensor]:
        """Take optimizer steps without end, yielding each one's mean loss, a scalar on the device."""
        for epoch in count():
            for loss, _ in train_steps(
                self._learner, self._source, self._batching, self._seed, epoch, purpose=self._purpose
            ):
                yield loss

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
        return evaluate(self._learner, self._held, self._batching.batch_size)
