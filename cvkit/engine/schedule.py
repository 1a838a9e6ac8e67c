"""The learning-rate schedule of a run: the recipe's scheduler over one or several passes."""

from __future__ import annotations

import copy
import warnings
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

from torch.optim import Optimizer

from ..guard import Guard
from ..recipe import Part
from .building import build_checked, with_placeholder_lr
from .parameter_groups import NO_DECAY
from .step_plan import StepPlan

_MOVED = ("lr", "momentum", "betas")  # settings of a parameter group that torch's schedulers change


@dataclass(frozen=True)
class RateChange:
    """How callbacks change the learning rates that the scheduler sets.

    Attributes:
        factor: Multiplies the rate.
        lr: Replaces the scheduler's rate of the first parameter group; the others keep their ratios to it. None: the
            scheduler's rates are used.
    """

    factor: float = 1.0
    lr: float | None = None


class Schedule:
    """Sets the learning rates of `optimizer`, and anything else that the scheduler changes, after each step.

    For each of `passes`, a new scheduler of `part` starts from the optimizer's initial rates and momenta, so every
    pass is the same function of its steps. After the last pass, its last rate is held. `taken` counts the steps so
    far, and `guard` names the scheduler in errors. The constructor passes on errors of the scheduler's factory for
    any pass.
    """

    def __init__(self, part: Part, optimizer: Optimizer, passes: Sequence[StepPlan]) -> None:
        self.optimizer, self.taken = optimizer, 0
        self._change = RateChange()
        self._scheduled: list[float] = []  # the scheduler's rate of each group, while they are changed
        self._part, self._passes = with_placeholder_lr(part), passes
        self.guard = Guard(part.entry)
        self._starts = [0, *accumulate(plan.total_steps for plan in passes)][:-1]
        self._given = [{key: group[key] for key in _MOVED if key in group} for group in _settings(optimizer)]
        for number in reversed(
            range(len(passes))
        ):  # build all passes before the first step; the first one stays active
            self._begin(number)

    @property
    def setting(self) -> tuple[float, float | None]:
        """The learning rate of the first parameter group, and its momentum or first beta, for the next step."""
        group = self.optimizer.param_groups[0]
        return float(group["lr"]), momentum_of(group)

    @property
    def group_rates(self) -> dict[str, float]:
        """The learning rate of each named parameter group for the next step; weight decay makes no difference."""
        named = [(group["name"], float(group["lr"])) for group in self.optimizer.param_groups if "name" in group]
        return {name.removesuffix(NO_DECAY): rate for name, rate in named}

    def step(self) -> None:
        """Advance to the next step; raise `ComponentFailure` if the scheduler fails."""
        change = self._change
        self.change(RateChange())  # a scheduler may compute its next rate from its last one
        self._go_to(self.taken + 1)
        self.change(change)

    def change(self, change: RateChange) -> None:
        """Change the learning rates of the next step and of all that follow, until the next call."""
        if change == self._change:
            return
        groups = self.optimizer.param_groups
        if self._scheduled:
            for group, rate in zip(groups, self._scheduled, strict=True):
                group["lr"] = rate
        self._change, self._scheduled = change, []
        if change == RateChange():
            return
        self._scheduled = [group["lr"] for group in groups]
        first = self._given[0]["lr"] or 1.0
        for group, given in zip(groups, self._given, strict=True):
            rate = group["lr"] if change.lr is None else change.lr * (given["lr"] / first)
            group["lr"] = rate * change.factor

    def skip_to(self, taken: int) -> None:
        """Advance to a later step, or stay at the current one; raise `ComponentFailure` if the scheduler fails."""
        with early_steps():
            self._go_to(taken)

    def state(self) -> dict[str, Any]:
        """Return the position in the schedule as plain values and tensors."""
        state = {"taken": self.taken, "span": self._span(), "scheduler": self.guard(self._scheduler.state_dict)}
        if self._scheduled:
            state["change"] = {"factor": self._change.factor, "lr": self._change.lr, "scheduled": self._scheduled}
        return state

    def restore(self, state: dict[str, Any]) -> None:
        """Continue at the position in `state`, after the optimizer's own state was restored.

        If the current pass is unchanged, the scheduler's state is restored and the optimizer keeps its rates. If it
        changed, for example because epochs were added, it is stepped from its beginning, because schedulers store
        totals in their state.
        """
        loaded, changed = _settings(self.optimizer), state.get("change")
        change = RateChange() if changed is None else RateChange(changed["factor"], changed["lr"])
        self._change, self._scheduled, self.taken = RateChange(), [], state["taken"]
        number, offset = self._place()
        self._begin(number)
        if state.get("span") != self._span():
            with early_steps():
                self._go_to(self.taken)
            self.change(change)
            return
        self.guard(self._scheduler.load_state_dict, state["scheduler"])
        self._offset = offset
        for group, settings in zip(self.optimizer.param_groups, loaded, strict=True):
            group.update(settings)
        if changed is not None:
            self._change, self._scheduled = change, list(changed["scheduled"])

    def _place(self) -> tuple[int, int]:
        """Return the number of the current pass, and how often its scheduler has been stepped."""
        number = bisect_right(self._starts, self.taken) - 1
        return number, min(self.taken - self._starts[number], self._passes[number].total_steps - 1)

    def _span(self) -> list[int]:
        """Return the first step of the current pass, and its number of steps."""
        return [self._starts[self._number], self._passes[self._number].total_steps]

    def _begin(self, number: int) -> None:
        """Create the scheduler of a pass from the optimizer's initial settings."""
        for group, given in zip(self.optimizer.param_groups, self._given, strict=True):
            group.update(copy.deepcopy(given))
            group.pop("initial_lr", None)  # torch's schedulers store the initial rate here
        self._scheduler = build_checked(self._part, self.optimizer, self._passes[number])
        self._number, self._offset = number, 0

    def _go_to(self, taken: int) -> None:
        self.taken = taken
        number, offset = self._place()
        if number != self._number:
            self._begin(number)
        for _ in range(self._offset, offset):
            self.guard(self._scheduler.step)
        self._offset = offset


@contextmanager
def early_steps() -> Iterator[None]:
    """Suppress torch's warning about a schedule that is stepped before its optimizer."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=r"Detected call of `lr_scheduler.step\(\)` before")
        yield


def momentum_of(group: dict[str, Any]) -> float | None:
    """Return the momentum, or the first beta, of a parameter group; None if it has neither."""
    if "momentum" in group:
        return float(group["momentum"])
    return float(group["betas"][0]) if "betas" in group else None


def _settings(optimizer: Optimizer) -> list[dict[str, Any]]:
    """Return a copy of each parameter group's settings, without its parameters."""
    return [
        {key: copy.deepcopy(value) for key, value in group.items() if key != "params"}
        for group in optimizer.param_groups
    ]
