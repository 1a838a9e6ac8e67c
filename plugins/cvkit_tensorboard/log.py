"""The event files of a run, under its ``tensorboard/``: one for each session, closed after every write.

The run folder may come from a stranger: what is there is read and written without following links out of it.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from tensorboard.summary.writer.record_writer import RecordWriter

from cvkit import EpochRecord, RunError, RunFolder

from . import events

if TYPE_CHECKING:
    from tensorboard.compat.proto.event_pb2 import Event

_FOLDER = "tensorboard"
_FILE = re.compile(r"events\.out\.tfevents\.(\d{6,12})\.cvkit", re.ASCII)


def begin(folder: Path) -> None:
    """Begin a new event file, the first one with the recipe, and all with every epoch that the run folder holds.

    A run that is continued may have been killed before its last points were written, or after points were that are
    now trained again. So TensorBoard is told to forget what earlier files say of any step, and told anew. Raises
    `RunError` where the file cannot be written.
    """
    run = RunFolder(folder)
    number = _newest(folder) + 1  # TensorBoard reads files in the order of their names
    new = [*events.session()]
    if number == 1:
        new.append(events.text("recipe", f"```yaml\n{run.recipe_text()}\n```"))
    for record in run.records():
        new += events.epoch(record)
    _append(folder, number, new)


def add_epoch(folder: Path, record: EpochRecord) -> None:
    """Add an epoch's scalars, and those of its steps; raise `RunError` where they cannot be written."""
    _append(folder, _newest(folder), events.epoch(record))


def add_figures(folder: Path, step: int) -> None:
    """Add every PNG under ``figures/``, by its path without the ending.

    Raises `RunError` in the end where some are left out: a link, or a file that is no PNG.
    """
    run, number, left_out = RunFolder(folder), _newest(folder), []
    for path in sorted((run.path / "figures").rglob("*.png")):
        name = path.relative_to(run.path)
        try:
            new = events.picture(name.with_suffix("").as_posix(), run.read(name.as_posix()), step)
        except (RunError, ValueError) as error:
            left_out.append(f"'{name.as_posix()}': {error}")
        else:
            _append(folder, number, [new])
    if left_out:
        raise RunError(f"{len(left_out)} pictures are left out, the first being {left_out[0]}")


def _newest(folder: Path) -> int:
    """Return the number of the newest event file, 0 where there is none; other files and links count as well."""
    names = (path.name for path in (folder / _FOLDER).glob("events.out.tfevents.*.cvkit"))
    return max((int(match[1]) for name in names if (match := _FILE.fullmatch(name))), default=0)


def _append(folder: Path, number: int, new: Iterable[Event]) -> None:
    content = io.BytesIO()
    writer = RecordWriter(content)
    for event in new:
        writer.write(event.SerializeToString())
    RunFolder(folder).append_to(f"{_FOLDER}/events.out.tfevents.{number:06}.cvkit", content.getvalue())
