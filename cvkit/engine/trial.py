"""A trial: a tuner's throw-away copy of a run, trained by the run's own step; and the proposal it leads to."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING, Any

from torch import Tensor

from .batches import Source
from .loop import Batching, train_steps
from .step import Learner

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Proposal:
    """What a tuner found: a `value` for its place in the recipe, or None with the `reason` why it proposes none.

    `title` and `caption` introduce the figure, which `draw` fills. `data` is JSON-ready and kept beside the run.
    """

    value: Any
    reason: str
    title: str
    caption: str = ""
    data: dict[str, Any] = field(default_factory=dict)
    draw: Callable[[Figure], None] | None = None


class Trial:
    """A copy of a run's model and optimizer that trains on the run's data, by its own order and draws.

    Make one with `Run.trial`, which also restores the global generators. Setting `learning_rate` keeps the
    ratios of the parameter groups: the largest group gets the value itself.
    """

    def __init__(self, learner: Learner, source: Source, batching: Batching, seed: int, purpose: str) -> None:
        self._learner, self._source, self._batching = learner, source, batching
        self._seed, self._purpose = seed, purpose
        rates = [float(group["lr"]) for group in learner.optimizer.param_groups]
        self._ratios = [rate / max(rates) for rate in rates]

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
        """Take one optimizer step at each learning rate, yielding its mean loss."""
        steps = self.steps()
        for rate in rates:
            self.learning_rate = float(rate)
            yield float(next(steps))
