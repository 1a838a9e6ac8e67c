"""`ExternalRun`: which run of another program an observer continues, and what it has already reported there."""

from __future__ import annotations

import json
import re
from pathlib import Path

from ..errors import RunError
from ..files.strict_json import Count, Shape, read_json, require_shape
from .folder import RunFolder

_NAME = re.compile(r"[a-z0-9_]+")
_LARGEST = 1 << 16


class _Content(Shape):
    id: str
    step: Count


class ExternalRun:
    """The run of another program, such as an experiment tracker, that belongs to a run folder.

    It is kept in ``observers/NAME.json`` of the run folder, so a resumed run continues the same external run, and
    reports no step twice. A run that `cvkit extend` copied has no such file and begins a new external run.

    Args:
        folder: The run folder.
        name: The name of the program: lower-case letters, digits and underscores.

    Attributes:
        id: The program's own name of the run; empty if there is none yet.
        step: The last optimizer step that was reported; 0 if there is none.

    Raises:
        RunError: The file cannot be used.
    """

    def __init__(self, folder: Path, name: str) -> None:
        if not _NAME.fullmatch(name):
            raise ValueError(f"the name '{name}' may only contain lower-case letters, digits and underscores")
        self._run, self._file = RunFolder(folder), f"observers/{name}.json"
        self.id, self.step = "", 0
        if (self._run.path / "observers").exists() and (self._run.path / self._file).exists():
            try:
                content = read_json(self._run.read(self._file, _LARGEST))
                require_shape(_Content, content)
            except ValueError as error:
                raise RunError(
                    f"'{self._run.path / self._file}' is damaged: {error}. Remove it to begin a new external run"
                ) from error
            self.id, self.step = content["id"], content["step"]

    def begin(self, identifier: str) -> None:
        """Keep the program's name of the run.

        Args:
            identifier: The name.
        """
        self.id = identifier
        self._write()

    def reached(self, step: int) -> None:
        """Keep that every measurement up to an optimizer step was reported.

        Args:
            step: The number of steps.
        """
        self.step = max(self.step, step)
        self._write()

    def _write(self) -> None:
        self._run.write(self._file, json.dumps({"id": self.id, "step": self.step}).encode())
