"""The event files of a run, under its ``tensorboard/``: one for each session, closed after every write."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from tensorboard.summary.writer.record_writer import RecordWriter

from cvkit import Record, RunFolder

from . import events

if TYPE_CHECKING:
    from tensorboard.compat.proto.event_pb2 import Event


def begin(folder: Path) -> None:
    """Begin a new event file, the first one with the recipe, and all with every epoch that the run folder holds.

    A run that is continued may have been killed before its last points were written, or after points were that are
    now trained again. So TensorBoard is told to forget what earlier files say of any step, and told anew.
    """
    run = RunFolder(folder)
    number = len(_files(folder)) + 1  # TensorBoard reads files in the order of their names
    file = folder / "tensorboard" / f"events.out.tfevents.{number:06}.cvkit"
    file.parent.mkdir(exist_ok=True)
    file.touch(exist_ok=False)
    _append(folder, events.session())
    if number == 1:
        _append(folder, [events.text("recipe", f"```yaml\n{run.recipe_path.read_text(encoding='utf-8')}\n```")])
    for record in run.records():
        add_epoch(folder, record)


def add_epoch(folder: Path, record: Record) -> None:
    """Add an epoch's scalars, and those of its steps."""
    _append(folder, events.epoch(record))


def add_figures(folder: Path, step: int) -> None:
    """Add every PNG under ``figures/``, by its path without the ending."""
    for path in sorted((folder / "figures").rglob("*.png")):
        tag = path.relative_to(folder).with_suffix("").as_posix()
        _append(folder, [events.picture(tag, path.read_bytes(), step)])


def _files(folder: Path) -> list[Path]:
    return sorted((folder / "tensorboard").glob("events.out.tfevents.*.cvkit"))


def _append(folder: Path, new: Iterable[Event]) -> None:
    """Append events to the newest file."""
    with _files(folder)[-1].open("ab") as file:
        writer = RecordWriter(file)
        for event in new:
            writer.write(event.SerializeToString())
