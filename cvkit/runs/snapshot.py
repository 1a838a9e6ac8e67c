"""The copies of the run's files in a checkpoint: they reveal changes and replace what is lost.

A checkpoint is verified byte by byte, but the files beside it are not. So each checkpoint contains a copy of what
the run wrote to recipe.yaml, run.json, metrics.jsonl and tuning.json.
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

FIXED = ("started", "components", "environment", "extended", "pretrained", "parameter_groups", "fixed_weights")
"""The keys of run.json that describe how the run began. Later sessions do not change them."""


@dataclass(frozen=True)
class RunSnapshot:
    """The contents of recipe.yaml, tuning.json, metrics.jsonl and run.json at the time of a checkpoint."""

    recipe: str
    tuning: list[dict[str, Any]]
    records: tuple[EpochRecord, ...]
    info: dict[str, Any]

    def state(self) -> dict[str, Any]:
        """Return the snapshot as plain values and tensors. Series over steps can be long, so they are tensors."""
        return {
            "recipe": self.recipe,
            "tuning": self.tuning,
            "info": self.info,
            "records": _packed([_plain(record) for record in self.records]),
        }

    @classmethod
    def of(cls, state: Mapping[str, Any]) -> RunSnapshot | None:
        """Return the snapshot in a checkpoint's state; None if an earlier cvkit, which saved no copies, wrote it.

        Raises `CheckpointError` if the copies are not valid.
        """
        copies = state.get("kept")
        if copies is None:
            return None
        try:
            keys_of(str(copies["recipe"]))
            records = tuple(map(checked_record, _unpacked(copies["records"])))
            return cls(str(copies["recipe"]), checked_tuning(copies["tuning"]), records, checked_info(copies["info"]))
        except (RecipeError, ValueError, TypeError, LookupError, AttributeError, RuntimeError) as error:
            raise CheckpointError(f"cannot be used: its copies of the run's files: {one_line(error)}") from error


def require_usable(state: dict[str, Any]) -> None:
    """Raise `CheckpointError` for the first value of a checkpoint's state that a run would not save."""
    saved.require_usable(state)
    RunSnapshot.of(state)


def record_differences(found: Sequence[EpochRecord | None], copies: Sequence[EpochRecord]) -> str:
    """Return a phrase that describes how the records of metrics.jsonl differ from their copies; empty if they agree.

    `found` contains None for a line that cannot be read. Epochs after the last copy are ignored, because they are
    trained again.
    """
    epochs = [record.epoch for record in copies]
    upto = [record for record in found if record is None or not epochs or record.epoch <= epochs[-1]]
    if upto == list(copies) or not epochs:
        return ""
    lines = {epoch: [r for r in upto if r is not None and r.epoch == epoch] for epoch in epochs}
    by_epoch = dict(zip(epochs, copies, strict=True))
    differences = {
        "does not contain": [epoch for epoch in epochs if not lines[epoch]],
        "contains another record of": [epoch for epoch in epochs if any(r != by_epoch[epoch] for r in lines[epoch])],
        "repeats": [epoch for epoch in epochs if len(lines[epoch]) > 1],
    }
    parts = [f"{what} epoch {_ranges(which)}" for what, which in differences.items() if which]
    if None in upto:
        parts.append("contains a line that cannot be read")
    return " and ".join(parts) or "contains the epochs in a different order"


def gap(records: Sequence[EpochRecord], epoch: int) -> str:
    """Return a phrase that describes which epochs up to `epoch` are missing from the records; empty if none is."""
    missing = sorted({*range(1, epoch + 1)} - {record.epoch for record in records})
    if missing:
        return f"does not contain epoch {_ranges(missing)}"
    ordered = all(a.epoch < b.epoch and a.step <= b.step for a, b in pairwise(records))
    return "" if ordered else "repeats epochs or contains them in a different order"


def _ranges(epochs: Sequence[int]) -> str:
    """Format ascending numbers as ranges, such as ``1-3, 7``."""
    groups: list[list[int]] = []
    for epoch in epochs:
        if groups and epoch == groups[-1][-1] + 1:
            groups[-1].append(epoch)
        else:
            groups.append([epoch])
    return ", ".join(str(g[0]) if len(g) == 1 else f"{g[0]}-{g[-1]}" for g in groups)


def _plain(record: EpochRecord) -> dict[str, Any]:
    """Return the values of a record; only its series of numbers are tuples."""
    return vars(record) | {name: list(getattr(record, name)) for name in ("tta_views", "decisions")}


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
