"""`Trial`: what is known of one trial of a search, as trial-NNNN.json contains it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from pydantic import Field

from ..files.strict_json import Count, Number, Shape, read_json, require_shape

State = Literal["running", "complete", "pruned", "failed"]


class _Trial(Shape):
    number: Count
    params: dict[str, Any] = Field(min_length=1)
    state: State
    value: Number | None = None
    values: list[Number] = Field([])
    epochs: Count = 0
    planned: Count = 0
    steps: Count = 0
    seconds: float = Field(0.0, ge=0, allow_inf_nan=False)
    error: str = ""
    attrs: dict[str, Any] = Field({})


@dataclass(frozen=True)
class Trial:
    """A trial.

    Attributes:
        number: Its number in the search, from 0.
        params: The proposed value of each place, as Optuna stores it.
        state: Whether it is running (or was interrupted), complete, pruned or failed.
        value: The metric of the epoch whose weights are its result; None unless it is complete.
        values: The metric after each epoch.
        epochs: The number of epochs that were trained.
        planned: The number of epochs that it would have had without pruning and early stopping.
        steps: The number of optimizer steps that were taken.
        seconds: The time of training.
        error: Why it failed.
        attrs: What the pruner of Optuna remembers of it.
    """

    number: int
    params: Mapping[str, Any]
    state: State = "running"
    value: float | None = None
    values: Sequence[float] = ()
    epochs: int = 0
    planned: int = 0
    steps: int = 0
    seconds: float = 0.0
    error: str = ""
    attrs: Mapping[str, Any] = field(default_factory=dict)

    @property
    def ended(self) -> bool:
        """Whether nothing is left to do."""
        return self.state != "running"

    def to_json(self) -> dict[str, Any]:
        """Return the trial as JSON values."""
        return asdict(self)

    @classmethod
    def read(cls, content: bytes) -> Trial:
        """Return the trial of a file; raise `ValueError` that names an invalid value."""
        values = read_json(content)
        require_shape(_Trial, values)
        known = {name: values[name] for name in cls.__dataclass_fields__ if name in values}
        return cls(**known | {"values": tuple(known.get("values", ()))})


def best_of(trials: Sequence[Trial], goal: str) -> Trial | None:
    """Return the complete trial with the best value, of equal ones the first; None if none is complete."""
    complete = [trial for trial in trials if trial.state == "complete" and trial.value is not None]
    sign = 1 if goal == "min" else -1
    return min(complete, key=lambda trial: (sign * (trial.value or 0.0), trial.number), default=None)


def saved_epochs(trials: Sequence[Trial]) -> tuple[int, int]:
    """Return how many epochs pruning saved, and how many complete and pruned trials would have had without it.

    For a complete trial these are the epochs that it had, because early stopping may have ended it.
    """
    saved = sum(max(0, trial.planned - trial.epochs) for trial in trials if trial.state == "pruned")
    return saved, saved + sum(trial.epochs for trial in trials if trial.state in ("complete", "pruned"))
