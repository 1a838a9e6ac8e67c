"""Write the event files of a run to ``tensorboard/``: one file for each session, closed after every write.

The run folder may come from an untrusted source, so its files are read and written without following links out of it.
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
    """Start a new event file with every epoch in the run folder; the first file also contains the recipe.

    A resumed run may have been killed before it wrote its last points, or it may now repeat steps that it wrote. So
    the new file makes TensorBoard discard the content of earlier files and contains all epochs again. Raises
    `RunError` if the file could not be written.
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
    """Add the scalars of an epoch and of its steps; raise `RunError` if they could not be written."""
    _append(folder, _newest(folder), events.epoch(record))


def add_figures(folder: Path, step: int) -> None:
    """Add every PNG file in ``figures/``, named by its path without the file extension.

    Links and files that are not PNG images are skipped; if there are any, raise `RunError` at the end.
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
        raise RunError(f"skipped {len(left_out)} figures; the first is {left_out[0]}")


def _newest(folder: Path) -> int:
    """Return the number of the newest event file, or 0 if there is none; links with such a name count too."""
    names = (path.name for path in (folder / _FOLDER).glob("events.out.tfevents.*.cvkit"))
    return max((int(match[1]) for name in names if (match := _FILE.fullmatch(name))), default=0)


def _append(folder: Path, number: int, new: Iterable[Event]) -> None:
    content = io.BytesIO()
    writer = RecordWriter(content)
    for event in new:
        writer.write(event.SerializeToString())
    RunFolder(folder).append_to(f"{_FOLDER}/events.out.tfevents.{number:06}.cvkit", content.getvalue())
