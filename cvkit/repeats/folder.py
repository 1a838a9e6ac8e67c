"""`RepeatFolder`: the files of a repeat. Only this module contains their names.

repeat.json        the recipe, the seeds, and a summary of the runs that have finished
seed-N/            the run folder of seed N
repeat.html        the summary, on one page
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pydantic import Field

from ..errors import FolderError
from ..files.locked_folder import LockedFolder
from ..files.safe_io import TEMPORARY
from ..files.strict_json import Count, Shape, read_json, require_shape
from ..recipe import Recipe, changes, dump
from ..runs.folder import RunFolder

_FILE, _PAGE = "repeat.json", "repeat.html"
_SHOWN = 5  # changes of a recipe in an error


class _Repeat(Shape):
    """The schema of repeat.json."""

    name: str
    recipe: str
    seeds: list[Count] = Field(min_length=1)
    summary: dict[str, Any] | None = None


class RepeatFolder(LockedFolder):
    """The folder of a repeat, which contains a run folder for each seed."""

    @property
    def page_path(self) -> Path:
        """The path of the page, which exists once a run has finished."""
        return self.path / _PAGE

    @property
    def exists(self) -> bool:
        """Whether a repeat was started in the folder."""
        return os.path.lexists(self.path / _FILE)

    def require(self, recipe: Recipe) -> None:
        """Raise `FolderError` if the folder contains anything else than a repeat of `recipe`."""
        if not self.exists:
            self._require_empty()
            return
        changed = changes(self._content()["recipe"], recipe)
        if changed:
            shown = "; ".join(map(str, changed[:_SHOWN]))
            more = f"; and {len(changed) - _SHOWN:,} more" if len(changed) > _SHOWN else ""
            raise FolderError(
                f"'{self.path}' repeats another recipe: {shown}{more}. Restore the recipe to continue, or choose "
                "another --output"
            )

    def _require_empty(self) -> None:
        if not os.path.lexists(self.path):
            return
        if not self.path.is_dir():
            raise FolderError(f"'{self.path}' exists and is not a folder; choose another --output")
        foreign = sorted(
            entry.name
            for entry in self.path.iterdir()
            if entry.name != ".lock" and not entry.name.startswith(TEMPORARY)
        )
        if foreign:
            raise FolderError(
                f"'{self.path}' is not the folder of a repeat: it contains {', '.join(foreign[:3])}, but no {_FILE}; "
                "choose another --output"
            )

    def begin(self, recipe: Recipe, seeds: Sequence[int]) -> tuple[int, ...]:
        """Create the folder, or add seeds to it, and return all its seeds.

        Raises `FolderError` if it cannot be written, or contains a repeat of another recipe.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise FolderError(f"could not create '{self.path}': {error.strerror}; choose another --output") from error
        with self.locked():
            self.require(recipe)
            content = self._content() if self.exists else {"name": recipe.name, "recipe": dump(recipe), "seeds": []}
            content["seeds"] = [*dict.fromkeys([*content["seeds"], *seeds])]
            self._write(content)
        return tuple(content["seeds"])

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Lock the folder for a moment, to write its own files; the runs in it have locks of their own."""
        self.lock_within(10)
        try:
            yield
        finally:
            self.unlock()

    def recipe_text(self) -> str:
        """Return the recipe that is repeated."""
        return str(self._content()["recipe"])

    def seeds(self) -> tuple[int, ...]:
        """Return the seeds of the repeat, in the order in which they run."""
        return tuple(self._content()["seeds"])

    def run(self, seed: int) -> RunFolder:
        """Return the run folder of a seed, which may not exist yet."""
        return RunFolder(self.path / f"seed-{seed}")

    def create_run(self, seed: int) -> RunFolder:
        """Return the run folder of a seed, and create it if it does not exist."""
        folder = self.run(seed)
        try:
            folder.path.mkdir(exist_ok=True)
        except OSError as error:
            raise FolderError(f"could not create the run folder '{folder.path}': {error.strerror}") from error
        return folder

    def write_summary(self, summary: dict[str, Any], html: str) -> Path:
        """Write the summary to repeat.json, and the page; return the path of the page."""
        with self.locked():
            self._write(self._content() | {"summary": summary})
            self.write(_PAGE, html.encode())
        return self.page_path

    def _content(self) -> dict[str, Any]:
        try:
            content = read_json(self.read(_FILE))
            require_shape(_Repeat, content)
        except ValueError as error:
            raise FolderError(f"'{self.path / _FILE}' is damaged: {error}. Restore a copy of it") from error
        return dict(content)

    def _write(self, content: dict[str, Any]) -> None:
        text = json.dumps(content, indent=2, ensure_ascii=False)
        self.write(_FILE, f"{text}\n".encode("utf-8", "backslashreplace"))
