"""The events of a run that its figures mark: the epoch whose weights are used, resumed sessions and extensions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..engine.records import EpochRecord


@dataclass(frozen=True)
class RunMark:
    """A vertical line in the figures of a run.

    Attributes:
        step: The optimizer step after which it is.
        label: A word or two, such as ``extended``.
    """

    step: int
    label: str


def run_marks(
    records: Sequence[EpochRecord], kept: int | None = None, info: Mapping[str, Any] | None = None
) -> list[RunMark]:
    """Return the marks of a run in order.

    Args:
        records: The epoch records.
        kept: The epoch whose weights are used; None for the last one, which has no mark.
        info: What run.json contains.
    """
    info = info or {}
    found = [RunMark(record.step, "used") for record in records if record.epoch == kept]
    extended = {int(each["after_step"]) for each in info.get("extended", [])}
    resumed = {int(each["after_step"]) for each in info.get("sessions", [])} - extended - {0}
    found += [RunMark(step, "extended") for step in extended]
    found += [RunMark(step, "resumed") for step in resumed]
    return sorted((mark for mark in found if mark.step <= records[-1].step), key=lambda mark: mark.step)


def epochs_of(steps: Sequence[float] | np.ndarray[Any, Any], records: Sequence[EpochRecord]) -> list[float]:
    """Return where on an axis of epochs the given optimizer steps are; epoch n ends at n."""
    first = records[0].step - len(records[0].step_losses)
    ends = [first, *(record.step for record in records)]
    places = [records[0].epoch - 1, *(record.epoch for record in records)]
    return [float(place) for place in np.interp(np.asarray(steps, dtype=float), ends, places)]
