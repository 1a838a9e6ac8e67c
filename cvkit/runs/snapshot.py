"""What a checkpoint keeps of the files beside it, so that a change of them is told and what is lost can be put back.

A checkpoint is verified byte by byte; the files beside it are not. So each holds a copy of what the run wrote there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import torch

from ..checkpoint import contents as saved
from ..engine.records import EpochRecord
from ..errors import CheckpointError, RecipeError, one_line
from ..recipe import keys_of
from .json_files import checked_info, checked_record, checked_tuning

FIXED = ("started", "components", "environment", "extended")
"""The keys of run.json that say what the run began with: no later session changes them."""


@dataclass(frozen=True)
class RunSnapshot:
    """The text of recipe.yaml, what tuning.json, metrics.jsonl and run.json hold, as of a checkpoint."""

    recipe: str
    tuning: list[dict[str, Any]]
    records: tuple[EpochRecord, ...]
    info: dict[str, Any]

    def state(self) -> dict[str, Any]:
        """Return it as plain values and tensors; the steps' series are tensors, as they can be long."""
        return {
            "recipe": self.recipe,
            "tuning": self.tuning,
            "info": self.info,
            "records": _packed([dict(vars(record)) for record in self.records]),
        }

    @classmethod
    def of(cls, state: Mapping[str, Any]) -> RunSnapshot | None:
        """Return what a checkpoint's state keeps; None where an earlier cvkit wrote it, which kept nothing.

        Raises `CheckpointError` where it is not what a run keeps.
        """
        kept = state.get("kept")
        if kept is None:
            return None
        try:
            keys_of(str(kept["recipe"]))
            records = tuple(map(checked_record, _unpacked(kept["records"])))
            return cls(str(kept["recipe"]), checked_tuning(kept["tuning"]), records, checked_info(kept["info"]))
        except (RecipeError, ValueError, TypeError, LookupError, AttributeError, RuntimeError) as error:
            raise CheckpointError(f"cannot be used: its copies of the files beside it: {one_line(error)}") from error


def require_usable(state: dict[str, Any]) -> None:
    """Raise `CheckpointError` naming the first value of a checkpoint's state that is not what a run saves."""
    saved.require_usable(state)
    RunSnapshot.of(state)


def told_apart(found: Sequence[EpochRecord | None], kept: Sequence[EpochRecord]) -> str:
    """Return in words how the records of metrics.jsonl differ from the kept ones; empty where nothing is to be told.

    `found` has None for a line that does not read. Later epochs than the kept ones are no difference, as they are
    trained again.
    """
    epochs = [record.epoch for record in kept]
    upto = [record for record in found if record is None or not epochs or record.epoch <= epochs[-1]]
    if upto == list(kept) or not epochs:
        return ""
    lines = {epoch: [r for r in upto if r is not None and r.epoch == epoch] for epoch in epochs}
    by_epoch = dict(zip(epochs, kept, strict=True))
    told = {
        "lacks": [epoch for epoch in epochs if not lines[epoch]],
        "holds another record of": [epoch for epoch in epochs if any(r != by_epoch[epoch] for r in lines[epoch])],
        "repeats": [epoch for epoch in epochs if len(lines[epoch]) > 1],
    }
    parts = [f"{what} epoch {_ranges(which)}" for what, which in told.items() if which]
    if None in upto:
        parts.append("has a line that does not read")
    return " and ".join(parts) or "has its epochs in another order"


def gap(records: Sequence[EpochRecord], epoch: int) -> str:
    """Return in words which of the epochs up to `epoch` the records lack; empty where all are there, in order."""
    missing = sorted({*range(1, epoch + 1)} - {record.epoch for record in records})
    if missing:
        return f"lacks epoch {_ranges(missing)}"
    ordered = all(a.epoch < b.epoch and a.step <= b.step for a, b in pairwise(records))
    return "" if ordered else "repeats epochs, or has them in another order"


def _ranges(epochs: Sequence[int]) -> str:
    """Return numbers in ascending order as text, ``1-3, 7``."""
    groups: list[list[int]] = []
    for epoch in epochs:
        if groups and epoch == groups[-1][-1] + 1:
            groups[-1].append(epoch)
        else:
            groups.append([epoch])
    return ", ".join(str(g[0]) if len(g) == 1 else f"{g[0]}-{g[-1]}" for g in groups)


def _packed(records: list[dict[str, Any]]) -> dict[str, Any]:
    names = [name for name, value in (records[0] if records else {}).items() if isinstance(value, tuple)]
    return {
        "values": [{name: value for name, value in record.items() if name not in names} for record in records],
        "lengths": {name: [len(record[name]) for record in records] for name in names},
        "series": {name: torch.tensor([x for r in records for x in r[name]], dtype=torch.float64) for name in names},
    }


def _unpacked(packed: Mapping[str, Any]) -> list[dict[str, Any]]:
    records = [dict(values) for values in packed["values"]]
    for name, lengths in packed["lengths"].items():
        for record, part in zip(records, packed["series"][name].split(lengths), strict=True):
            record[name] = part.tolist()
    return records
