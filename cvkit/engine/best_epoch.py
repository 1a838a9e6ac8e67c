"""The callbacks of `selection`, which plugins declare too: keep the weights of the best epoch, and stop early."""

from __future__ import annotations

from typing import Literal

from ..formatting import counted
from .callback import Callback, Decision, Goals
from .records import EpochRecord


class _Best(Callback):
    """Follows a value of the records: `value` is the best so far, and `stale` counts the epochs since then."""

    def __init__(
        self,
        goals: Goals,
        *,
        metric: str | None = None,
        goal: Literal["auto", "max", "min"] = "auto",
        min_change: float = 0.0,
    ) -> None:
        self._metric, self._min_change = metric or goals.score, min_change
        self._maximizes = goals.of(metric, goal) == "max"
        self.value: float | None = None
        self.stale = 0

    def improves(self, record: EpochRecord) -> bool:
        """Whether the record has the best value so far; of equal values, the first is the best."""
        value = record.value(self._metric)
        gain = value - (value if self.value is None else self.value)
        if self.value is None or (gain if self._maximizes else -gain) > self._min_change:
            self.value, self.stale = value, 0
            return True
        self.stale += 1
        return False

    def state_dict(self) -> dict[str, float | int | None]:
        """Return the best value and the number of epochs since then."""
        return {"value": self.value, "stale": self.stale}


class KeepBest(_Best):
    """Keeps the weights of the epoch with the best value.

    Args:
        goals: The values that a callback may decide by.
        metric: The name of the value; None for the main score of the run.
        goal: Whether the highest or the lowest value is the best.
        min_change: Smallest difference that counts as a better value.

    Raises:
        ValueError: The run cannot decide by this value.
    """

    @property
    def reason(self) -> str:
        """Why weights are kept, such as ``highest validation accuracy``."""
        return f"{'highest' if self._maximizes else 'lowest'} {Goals.named(self._metric)}"

    def after_epoch(self, record: EpochRecord, /) -> Decision | None:
        """Keep the weights of an epoch that is better than all before."""
        return Decision(keep=True, reason=self.reason) if self.improves(record) else None


class EarlyStopping(_Best):
    """Stops training after a number of epochs without a better value.

    If the run is extended afterwards, the epochs are counted from 0 again.

    Args:
        goals: The values that a callback may decide by.
        metric: The name of the value; None for the main score of the run.
        goal: Whether the highest or the lowest value is the best.
        patience: The number of epochs.
        min_change: Smallest difference that counts as a better value.

    Raises:
        ValueError: The run cannot decide by this value.
    """

    def __init__(
        self,
        goals: Goals,
        *,
        metric: str | None = None,
        goal: Literal["auto", "max", "min"] = "auto",
        patience: int = 5,
        min_change: float = 0.0,
    ) -> None:
        super().__init__(goals, metric=metric, goal=goal, min_change=min_change)
        self._patience = patience

    def after_epoch(self, record: EpochRecord, /) -> Decision | None:
        """Stop if the value did not improve for too long."""
        if self.improves(record) or self.stale < self._patience:
            return None
        waited, self.stale = self.stale, 0
        reason = f"the {Goals.named(self._metric)} did not improve for {counted(waited, 'epoch')}"
        return Decision(stop=True, reason=reason)
