"""The schema of a checkpoint's state.

The digests show that a checkpoint was not changed; this schema shows that a run wrote it. Whether it fits the
recipe's model and optimizer is checked when it is restored. Other keys are accepted.
"""

from __future__ import annotations

from typing import Annotated, Any, Self

from pydantic import Field, ValidationError, model_validator
from torch import Tensor

from ..errors import CheckpointError
from ..files.strict_json import Count, Number, Shape, misfit

_Share = Annotated[float, Field(ge=0, le=1)]


class _Group(Shape):
    params: list[str]


class _Optimizer(Shape):
    state: dict[str, dict[str, Any]]
    groups: Annotated[list[_Group], Field(min_length=1)]


class _Schedule(Shape):
    taken: Count
    span: list[Count] | None = None
    scheduler: dict[str, Any] = Field({})
    change: _Change | None = None


class _Progress(Shape):
    losses: Tensor
    hits: Tensor
    counts: list[Count]
    rates: list[Number]
    momenta: list[Number]
    seconds: Annotated[float, Field(ge=0, allow_inf_nan=False)]
    terms: dict[str, Tensor] = Field({})  # older checkpoints do not contain it

    @model_validator(mode="after")
    def _series_fit(self) -> Self:
        taken = len(self.counts)
        if self.losses.dim() != 1 or self.hits.dim() != 0 or len(self.losses) < taken:
            raise ValueError("its losses must have one value per step")
        if any(values.shape != self.losses.shape for values in self.terms.values()):
            raise ValueError("the terms of its loss must have one value per step")
        if len(self.rates) != taken or len(self.momenta) not in (0, taken):
            raise ValueError("its series must have the same length")
        return self


class _Change(Shape):
    factor: Number
    lr: Number | None
    scheduled: Annotated[list[Number], Field(min_length=1)]


class _Callback(Shape):
    name: str
    state: dict[str, Any]
    factor: Number
    lr: Number | None


class _Kept(Shape):
    epoch: Annotated[int, Field(ge=1)]
    reason: str
    weights: dict[str, Tensor]
    thresholds: list[_Share] = Field([])


class _Decisions(Shape):
    callbacks: list[_Callback]
    kept: _Kept | None
    stopped: str


class _Selection(Shape):
    epoch: Annotated[int, Field(ge=1)]
    value: Number
    stale: Count
    weights: dict[str, Tensor] | None


class _State(Shape):
    epoch: Count
    step: Count
    model: dict[str, Tensor]
    loss: dict[str, Tensor] = Field({})  # older checkpoints do not contain it
    ema: dict[str, Tensor] | None
    optimizer: _Optimizer
    schedule: _Schedule | None = None  # older checkpoints do not contain it
    scaler: dict[str, Any]
    progress: _Progress | None
    decisions: _Decisions | None = None  # older checkpoints do not contain it
    selection: _Selection | None = None  # what older checkpoints contain instead
    thresholds: list[_Share] = Field([])  # of the labels, if images have several
    data: str

    @model_validator(mode="after")
    def _counts_fit(self) -> Self:
        if self.schedule is not None and self.schedule.taken > self.step:
            raise ValueError("its schedule has taken more steps than the run")
        return self


def require_usable(state: dict[str, Any]) -> None:
    """Raise `CheckpointError` that names the first value that a run would not save."""
    try:
        _State.model_validate(state)
    except ValidationError as error:
        raise CheckpointError(f"cannot be used: {misfit(error)}") from None


def kept_weights(state: dict[str, Any]) -> dict[str, Any] | None:
    """Return the ``epoch``, the ``weights`` and any ``thresholds`` that the run keeps as its result, or None."""
    if (decided := state.get("decisions")) is not None:
        return decided["kept"]  # type: ignore[no-any-return]  # the schema is checked
    chosen = state.get("selection")
    return None if chosen is None or chosen["weights"] is None else chosen


_AVERAGED = "module."  # the prefix that torch's AveragedModel adds to the names of the averaged weights


def trained_weights(state: dict[str, Any]) -> dict[str, Tensor]:
    """Return the weights that a run evaluates: those that it kept, else the averaged ones, else the model's."""
    if (kept := kept_weights(state)) is not None:
        return dict(kept["weights"])
    if state["ema"] is None:
        return dict(state["model"])
    averaged = state["ema"].items()
    return {key.removeprefix(_AVERAGED): value for key, value in averaged if key.startswith(_AVERAGED)}


def trained_thresholds(state: dict[str, Any]) -> tuple[float, ...]:
    """Return the thresholds of the labels that belong to `trained_weights`; empty if there are none."""
    found = kept_weights(state) or state
    return tuple(found.get("thresholds", ()))
