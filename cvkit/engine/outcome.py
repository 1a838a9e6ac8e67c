"""What callbacks have decided about a run so far: the weights that are kept, and whether training stopped."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from .deciding import Verdict

Weights = dict[str, Tensor]


@dataclass(frozen=True)
class Kept:
    """The weights of an epoch, which are the result of the run.

    Attributes:
        epoch: The number of the epoch.
        reason: Why they were kept, such as ``highest validation accuracy``; may be empty.
        weights: The evaluated weights by name, on the CPU.
    """

    epoch: int
    reason: str
    weights: Weights


@dataclass(frozen=True)
class Outcome:
    """The decisions of a run so far.

    Attributes:
        kept: The weights that are kept, or None.
        stopped: Why training stopped early and who decided it; empty if it did not.
    """

    kept: Kept | None = None
    stopped: str = ""

    def after(self, verdict: Verdict, epoch: int, weights: Callable[[], Weights]) -> Outcome:
        """Return the outcome after an epoch; `weights` returns a copy of the weights that its record measures."""
        kept = Kept(epoch, verdict.kept_for, weights()) if verdict.keeps else self.kept
        return Outcome(kept, verdict.stopped or self.stopped)

    def state(self) -> dict[str, Any]:
        """Return the outcome as plain values and tensors."""
        kept = self.kept
        found = None if kept is None else {"epoch": kept.epoch, "reason": kept.reason, "weights": kept.weights}
        return {"kept": found, "stopped": self.stopped}

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> Outcome:
        """Return the outcome that `state` returned."""
        kept = state["kept"]
        found = None if kept is None else Kept(kept["epoch"], kept["reason"], kept["weights"])
        return cls(found, state["stopped"])
