"""`SearchFolder`: the files of a search. Only this module contains their names.

search.json        the recipe, the space and the settings, and a summary
trial-NNNN.json    the proposed values, the state and the measurements of a trial
trial-NNNN/        its run folder
optuna.db          the ended trials for the tools of Optuna, such as its dashboard; cvkit does not read it
best.yaml          the best recipe
search.html        the summary, on one page
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ..errors import FolderError
from ..files.locked_folder import LockedFolder
from ..files.safe_io import TEMPORARY
from ..files.strict_json import Shape, read_json, require_shape
from ..recipe import changes
from ..runs.folder import RunFolder
from .definition import SearchDefinition
from .trials import Trial

_FILE, _PAGE, _BEST = "search.json", "search.html", "best.yaml"
_SHOWN = 5  # changes in an error


class _Search(Shape):
    """The schema of search.json."""

    name: str
    recipe: str
    search: dict[str, Any]
    goal: str = ""
    metric: str = ""
    data: str = ""
    summary: dict[str, Any] | None = None


class SearchFolder(LockedFolder):
    """The folder of a search. `locked` is held only for a moment; each trial's run folder has a lock of its own."""

    @property
    def exists(self) -> bool:
        """Whether a search was started in the folder."""
        return os.path.lexists(self.path / _FILE)

    @property
    def page_path(self) -> Path:
        """The path of the page."""
        return self.path / _PAGE

    @property
    def best_path(self) -> Path:
        """The path of the best recipe."""
        return self.path / _BEST

    @property
    def database(self) -> Path:
        """The path of Optuna's database."""
        return self.path / "optuna.db"

    def require(self, search: SearchDefinition) -> None:
        """Raise `FolderError` if the folder contains anything else than this search."""
        if not self.exists:
            self._require_empty()
            return
        content, now = self.content(), json.loads(json.dumps(search.identity()))
        changed = [str(change) for change in changes(content["recipe"], search.recipe)]
        changed += [f"{key} changed" for key, value in now.items() if content["search"].get(key) != value]
        if changed:
            more = f"; and {len(changed) - _SHOWN:,} more" if len(changed) > _SHOWN else ""
            raise FolderError(
                f"'{self.path}' contains another search: {'; '.join(changed[:_SHOWN])}{more}. Restore the search to "
                "continue, or choose another --output. max_trials, max_minutes and checkpoints may change"
            )

    def _require_empty(self) -> None:
        if not os.path.lexists(self.path):
            return
        if not self.path.is_dir():
            raise FolderError(f"'{self.path}' exists and is not a folder; choose another --output")
        names = (entry.name for entry in self.path.iterdir())
        if foreign := sorted(name for name in names if name != ".lock" and not name.startswith(TEMPORARY)):
            raise FolderError(
                f"'{self.path}' is not the folder of a search: it contains {', '.join(foreign[:3])}, but no {_FILE}; "
                "choose another --output"
            )

    def begin(self, search: SearchDefinition, metric: str, goal: str) -> None:
        """Create the folder if it does not exist. Raises `FolderError` if it contains another search."""
        try:
            self.path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise FolderError(f"could not create '{self.path}': {error.strerror}; choose another --output") from error
        with self.locked():
            self.require(search)
            if not self.exists:
                recipe = search.recipe_text()
                known = {"search": search.identity(), "metric": metric, "goal": goal}
                self._write({"name": search.settings.name, "recipe": recipe, **known})

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Lock the folder for a moment, to choose a trial or to write results."""
        self.lock_within(60)
        try:
            yield
        finally:
            self.unlock()

    def content(self) -> dict[str, Any]:
        """Return the content of search.json."""
        try:
            content = read_json(self.read(_FILE))
            require_shape(_Search, content)
        except ValueError as error:
            raise FolderError(f"'{self.path / _FILE}' is damaged: {error}. Restore a copy of it") from error
        return dict(content)

    def trials(self) -> list[Trial]:
        """Return all trials in the order of their numbers; raise `FolderError` if a file is damaged or missing."""
        found: list[Trial] = []
        while os.path.lexists(self.path / _trial_file(len(found))):
            name = _trial_file(len(found))
            try:
                found.append(Trial.read(self.read(name)))
            except ValueError as error:
                raise FolderError(f"'{self.path / name}' is damaged: {error}. Restore a copy of it") from error
        return found

    def write_trial(self, trial: Trial) -> None:
        """Write the file of a trial."""
        text = json.dumps(trial.to_json(), indent=1, ensure_ascii=False)
        self.write(_trial_file(trial.number), f"{text}\n".encode("utf-8", "backslashreplace"))

    def same_data(self, digest: str) -> str:
        """Return the digest of the data of the first trial, which is `digest` if there was none before."""
        with self.locked():
            content = self.content()
            if not content.get("data"):
                self._write(content | {"data": digest})
            return str(content.get("data") or digest)

    def remove_checkpoints(self, best: int | None) -> None:
        """Remove the checkpoints of all trials that have ended, except those of the trial with the number `best`."""
        with self.locked():
            for trial in self.trials():
                run = RunFolder(self._run_path(trial.number))
                if trial.ended and trial.number != best and run.has_checkpoints():
                    run.remove_checkpoints()

    def _run_path(self, number: int) -> Path:
        return self.path / _trial_file(number).removesuffix(".json")

    def run(self, number: int) -> RunFolder:
        """Return the run folder of a trial, which is created if it does not exist."""
        path = self._run_path(number)
        try:
            path.mkdir(exist_ok=True)
        except OSError as error:
            raise FolderError(f"could not create the run folder '{path}': {error.strerror}") from error
        return RunFolder(path)

    def write_summary(self, summary: dict[str, Any], html: str, best: str) -> None:
        """Write the summary to search.json, the page, and the best recipe if there is one."""
        with self.locked():
            self._write(self.content() | {"summary": summary})
            self.write(_PAGE, html.encode())
            if best:
                self.write(_BEST, best.encode())

    def _write(self, content: dict[str, Any]) -> None:
        text = json.dumps(content, indent=2, ensure_ascii=False)
        self.write(_FILE, f"{text}\n".encode("utf-8", "backslashreplace"))


def _trial_file(number: int) -> str:
    return f"trial-{number:04}.json"
