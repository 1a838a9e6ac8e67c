"""What callbacks have decided about a run so far: the weights that are kept, and whether training stopped."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from .deciding import Verdict
from .records import EpochRecord

Weights = dict[str, Tensor]


@dataclass(frozen=True)
class Kept:
    """The weights of an epoch, which are the result of the run.

    Attributes:
        epoch: The number of the epoch.
        reason: Why they were kept, such as ``highest validation accuracy``; may be empty.
        weights: The evaluated weights by name, on the CPU.
        thresholds: The thresholds of the labels in that epoch; empty if each image has one class.
    """

    epoch: int
    reason: str
    weights: Weights
    thresholds: tuple[float, ...] = ()

    def state(self) -> dict[str, Any]:
        """Return the weights and what belongs to them as plain values and tensors."""
        of_labels = {"thresholds": [*self.thresholds]} if self.thresholds else {}
        return {"epoch": self.epoch, "reason": self.reason, "weights": self.weights, **of_labels}

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> Kept:
        """Return the weights that `state` returned."""
        return cls(state["epoch"], state["reason"], state["weights"], tuple(state.get("thresholds", ())))


@dataclass(frozen=True)
class Outcome:
    """The decisions of a run so far.

    Attributes:
        kept: The weights that are kept, or None.
        stopped: Why training stopped early and who decided it; empty if it did not.
    """

    kept: Kept | None = None
    stopped: str = ""

    def after(self, verdict: Verdict, record: EpochRecord, weights: Callable[[], Weights]) -> Outcome:
        """Return the outcome after an epoch; `weights` returns a copy of the weights that its record measures."""
        kept = self.kept
        if verdict.keeps:
            kept = Kept(record.epoch, verdict.kept_for, weights(), record.thresholds)
        return Outcome(kept, verdict.stopped or self.stopped)

    def state(self) -> dict[str, Any]:
        """Return the outcome as plain values and tensors."""
        return {"kept": None if self.kept is None else self.kept.state(), "stopped": self.stopped}

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> Outcome:
        """Return the outcome that `state` returned."""
        return cls(None if state["kept"] is None else Kept.from_state(state["kept"]), state["stopped"])
