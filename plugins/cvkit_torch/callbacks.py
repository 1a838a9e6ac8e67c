"""Callbacks: keep the best epoch, stop early, and lower the learning rate on a plateau."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

import torch
from pydantic import Field, NonNegativeFloat, NonNegativeInt, PositiveInt
from torch.optim import SGD
from torch.optim.lr_scheduler import ReduceLROnPlateau

from cvkit import Callback, Decision, EarlyStopping, KeepBest

if TYPE_CHECKING:
    from cvkit import EpochRecord, Goals


def keep_best(
    goals: Goals,
    *,
    metric: str | None = None,
    goal: Literal["auto", "max", "min"] = "auto",
    min_change: NonNegativeFloat = 0.0,
) -> KeepBest:
    """Evaluate and report the weights of the best epoch instead of those of the last one.

    `selection.keep_best` does the same.

    Args:
        goals: The values that the run may decide by.
        metric: What decides: loss, train_loss, or the name of one of the metrics; null: the main score, which is
            accuracy, or mean_average_precision for label sets.
        goal: Whether the highest or the lowest value is the best; auto: min for losses and for metrics whose lowest
            value is the best, else max.
        min_change: Smallest difference that counts as a better value, at least 0.

    Raises:
        ValueError: The run cannot decide by this value.
    """
    return KeepBest(goals, metric=metric, goal=goal, min_change=min_change)


def early_stopping(
    goals: Goals,
    *,
    metric: str | None = None,
    goal: Literal["auto", "max", "min"] = "auto",
    patience: PositiveInt = 5,
    min_change: NonNegativeFloat = 0.0,
) -> EarlyStopping:
    """Stop training after a number of epochs without a better value.

    `selection.patience` does the same. If a run that stopped is extended, the epochs are counted from 0 again.

    Args:
        goals: The values that the run may decide by.
        metric: What decides: loss, train_loss, or the name of one of the metrics; null: the main score, which is
            accuracy, or mean_average_precision for label sets.
        goal: Whether the highest or the lowest value is the best; auto: min for losses and for metrics whose lowest
            value is the best, else max.
        patience: Number of epochs, at least 1.
        min_change: Smallest difference that counts as a better value, at least 0.

    Raises:
        ValueError: The run cannot decide by this value.
    """
    return EarlyStopping(goals, metric=metric, goal=goal, patience=patience, min_change=min_change)


class Plateau(Callback):
    """Multiply the scheduled learning rates by a factor each time that a value does not improve.

    torch's `ReduceLROnPlateau` decides, on a rate that begins at 1: this rate is the factor. So with a constant
    schedule the learning rates are the same, and `min_factor` is `min_lr` divided by the first rate. `eps` is 0.

    Args:
        goals: The values that the run may decide by.
        metric: What decides: accuracy, loss, train_loss, or the name of one of the metrics.
        goal: Whether the highest or the lowest value is the best; auto: min for losses and for metrics whose lowest
            value is the best, else max.
        factor: Factor of each reduction, above 0 and below 1.
        patience: Number of epochs without a better value that are tolerated; the next one reduces the rate.
        threshold: Smallest change that counts as a better value, at least 0.
        threshold_mode: ``rel``: the change as a fraction of the best value; ``abs``: the difference.
        cooldown: Number of epochs after a reduction that are not counted.
        min_factor: Smallest product of the factors, from 0 to below 1.

    Raises:
        ValueError: The run cannot decide by this value.
    """

    def __init__(
        self,
        goals: Goals,
        *,
        metric: str = "loss",
        goal: Literal["auto", "max", "min"] = "auto",
        factor: Annotated[float, Field(gt=0, lt=1)] = 0.1,
        patience: NonNegativeInt = 10,
        threshold: NonNegativeFloat = 1e-4,
        threshold_mode: Literal["rel", "abs"] = "rel",
        cooldown: NonNegativeInt = 0,
        min_factor: Annotated[float, Field(ge=0, lt=1)] = 0.0,
    ) -> None:
        self._metric, self._name, self._patience = metric, goals.named(metric), patience
        self._rate = SGD([torch.zeros(())], lr=1.0)
        self._plateau = ReduceLROnPlateau(
            self._rate,
            mode=goals.of(metric, goal),
            factor=factor,
            patience=patience,
            threshold=threshold,
            threshold_mode=threshold_mode,
            cooldown=cooldown,
            min_lr=min_factor,
            eps=0.0,
        )

    @property
    def factor(self) -> float:
        """The product of the factors so far."""
        return float(self._rate.param_groups[0]["lr"])

    def after_epoch(self, record: EpochRecord, /) -> Decision | None:
        """Reduce the rate if the value did not improve for too long."""
        before = self.factor
        self._plateau.step(record.value(self._metric))
        if self.factor == before:
            return None
        epochs = f"{self._patience + 1} epochs" if self._patience else "an epoch"
        return Decision(lr_factor=self.factor, reason=f"the {self._name} did not improve for {epochs}")

    def state_dict(self) -> dict[str, Any]:
        """Return the factor, and torch's counters."""
        return {"factor": self.factor, "plateau": self._plateau.state_dict()}

    def load_state_dict(self, state: dict[str, Any], /) -> None:
        """Continue with the factor and the counters of `state`."""
        self._rate.param_groups[0]["lr"] = state["factor"]
        self._plateau.load_state_dict(state["plateau"])
