"""Saves the checkpoints of a run while it continues."""

from __future__ import annotations

from functools import partial
from typing import Any

from ..checkpoint.state_copy import StateCopy
from ..checkpoint.writer import CheckpointWriter
from .folder import RunFolder
from .run_info import RunInfo


class Saving:
    """Saves the states of a run to `folder`: copies each one, and writes the copy while training continues.

    At most one checkpoint is written at a time. If it cannot be written, the next call of `begin` or `finish`
    raises the error. After the first checkpoint, run.json says that the run was trained.
    """

    def __init__(self, folder: RunFolder, info: RunInfo) -> None:
        self._folder, self._info = folder, info
        self._writer = CheckpointWriter()

    def begin(self, step: int, state: dict[str, Any]) -> None:
        """Save `state` as that of optimizer step `step`. Wait before that for the previous checkpoint."""
        self.finish()
        self._writer.begin(partial(self._folder.save, step, StateCopy.of(state)))

    @property
    def busy(self) -> bool:
        """Whether a checkpoint is being written."""
        return self._writer.busy

    @property
    def pending(self) -> bool:
        """Whether it is not known yet that the last checkpoint was written."""
        return self._writer.pending

    def finish(self) -> None:
        """Wait for the checkpoint that is being written, and raise its error."""
        if self._writer.finish() and not self._info.values.get("trained"):
            self._info.note(trained=True)
