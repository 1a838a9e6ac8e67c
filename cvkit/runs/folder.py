"""`RunFolder`: what remains of a run, and the only place that knows file names.

recipe.yaml        the recipe as resolved: full ids, every default, what tuners filled in
run.json           status, times, data folder, components with versions, environment
metrics.jsonl      one record a line, one line an epoch
checkpoints/       complete states, the newest two
predictions.csv    what the final model says of every test image
figures/           every figure (SVG and PNG), table and gallery of the report
tuning.json        what the tuners measured
report.html        all of it on one page

The folder may come from a stranger: links in it are not followed, and what is read has a bounded size and a known
shape.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from datetime import datetime
from itertools import chain, count
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from ..data.splits import DataInfo
from ..engine.records import EpochRecord
from ..errors import CvkitError, RunError, one_line
from ..files.locked_folder import LockedFolder
from ..files.safe_io import clear_temporaries, is_folder
from ..printable import shell_words
from ..recipe import RUN_KEYS, Document, keys_of, read_text
from ..recipe.document import display
from ..recipe.yaml_reader import MAX_BYTES, decode
from .json_files import LARGEST, read_info, read_record, read_tuning

if TYPE_CHECKING:  # torch loads with what computes, not with the folder: most mistakes are told before that
    from ..engine.records import Predictions
    from ..figures.artifacts import Artifact, Figure
    from .snapshot import RunSnapshot

TIME = "%Y-%m-%d %H:%M:%S %z"
"""How run.json writes a time."""


Read = TypeVar("Read")


class RunFolder(LockedFolder):
    """The folder of one run. Made by `create`, found again by `open`; locked while a process works in it."""

    @classmethod
    def create(cls, parent: Path, name: str) -> RunFolder:
        """Make a new folder ``<name>-<date>-<time>`` under `parent`; an existing one is never reused.

        Raises `RunError` where it cannot be made.
        """
        stem = f"{name}-{datetime.now():%Y%m%d-%H%M%S}"
        for attempt in range(1, 1000):
            path = parent / (stem if attempt == 1 else f"{stem}-{attempt}")
            try:
                path.mkdir(parents=True)
            except FileExistsError:
                continue
            except OSError as error:
                raise RunError(
                    f"the run folder '{path}' cannot be made: {error.strerror}; choose another --output"
                ) from error
            return cls(path)
        raise RunError(f"'{parent}' already holds a thousand runs named {stem}")

    @classmethod
    def open(cls, path: Path) -> RunFolder:
        """Return the run folder at `path`; raise `RunError` where there is none.

        A recipe alone makes none, as a project of one's own may hold it: a run's has run.json or checkpoints as well.
        """
        folder = cls(path)
        if folder.has_checkpoints():  # they hold copies of what else may be lost
            return folder
        if not (path / "recipe.yaml").is_file():
            raise RunError(f"'{path}' is not a run folder: it holds no recipe.yaml")
        if not (path / "run.json").is_file():
            raise RunError(
                f"'{path}' is not a run folder: it holds a recipe.yaml, and no run.json; to begin a run: "
                f"{shell_words('cvkit', 'run', path / 'recipe.yaml')}"
            )
        return folder

    def lock(self) -> None:
        """Keep other processes out until this one ends, and remove what killed ones left unfinished.

        Raises `RunError` where another process is at work here.
        """
        super().lock()
        from ..checkpoint.files import clear_leftovers

        clear_leftovers(self.path / "checkpoints")
        figures = self.path / "figures"
        for folder in (self.path, figures, *(figures.iterdir() if is_folder(figures) else ())):
            clear_temporaries(folder)

    @property
    def recipe_path(self) -> Path:
        """The resolved recipe, which `cvkit run` reads like any other."""
        return self.path / "recipe.yaml"

    @property
    def report_path(self) -> Path:
        """The report, once the run has ended."""
        return self.path / "report.html"

    def recipe_text(self) -> str:
        """Return the resolved recipe, the newest checkpoint's copy where the file is lost, cut or does not read.

        Raises `RunError`, or the file's own `RecipeError`, where there is no copy.
        """
        try:
            text = self._own_recipe()
        except CvkitError as error:
            if (kept := self.kept()) is None:
                raise RunError(
                    f"{one_line(error)}. No checkpoint holds a copy: put the file back, or start a new run"
                ) from error
            return kept.recipe
        if keys_of(text) >= RUN_KEYS or (kept := self.kept()) is None or self.has_whole_recipe(kept):
            return text
        return kept.recipe

    def has_whole_recipe(self, kept: RunSnapshot) -> bool:
        """Whether recipe.yaml is there and reads, with every key of the copy in `kept`."""
        with suppress(CvkitError):
            return keys_of(self._own_recipe()) >= keys_of(kept.recipe)
        return False

    def _own_recipe(self) -> str:
        file = display(self.recipe_path)
        text = decode(self.read("recipe.yaml", MAX_BYTES), file)
        read_text(text, file=file, extends=False)
        return text

    def document(self, overrides: Sequence[str] = ()) -> Document:
        """Return what `recipe_text` does as a document, with ``path=value`` overrides; raises `RecipeError` as well.

        It extends no other recipe, as `cvkit run` has written it whole.
        """
        return read_text(self.recipe_text(), overrides, file=display(self.recipe_path), extends=False)

    def info(self) -> dict[str, Any]:
        """Return what run.json holds, with what it lacks of the newest checkpoint's copy.

        Empty where there is neither; raises `RunError` where it is damaged and there is no copy.
        """
        content = self.intact("run.json", read_info)
        if content is not None and "environment" in content:
            return content
        if (kept := self.kept()) is not None:
            return kept.info | (content or {})
        return self._held("run.json", read_info) or {}

    def data_info(self) -> DataInfo | None:
        """Return what is known of the data the run is trained on; None in a folder of before it was kept there."""
        kept = self.info().get("data_info")
        return None if kept is None else DataInfo.from_json(kept)

    def write_info(self, info: dict[str, Any]) -> dict[str, Any]:
        """Write run.json, and return what was written as it reads."""
        text = json.dumps(info, indent=2, ensure_ascii=False)
        # A name that is no Unicode, as files may have, becomes the escape by which JSON says it.
        self.write("run.json", f"{text}\n".encode("utf-8", "backslashreplace"))
        return dict(json.loads(text))

    def write_recipe(self, text: str) -> None:
        """Write the resolved recipe."""
        self.write("recipe.yaml", text.encode())

    def set_recipe_aside(self) -> str:
        """Give a recipe.yaml that is of no use another name, and return that; empty where there is none."""
        numbered = (self.recipe_path.with_name(f"recipe.damaged-{number}.yaml") for number in count(2))
        names = chain([self.recipe_path.with_name("recipe.damaged.yaml")], numbered)
        aside = next(path for path in names if not os.path.lexists(path))
        with suppress(OSError):
            self.recipe_path.replace(aside)
            return aside.name
        return ""

    def write_tuning(self, results: Sequence[dict[str, Any]]) -> None:
        """Write what the tuners measured and proposed; raise `RunError` for what JSON cannot hold."""
        try:
            text = json.dumps(results, indent=1, allow_nan=False)
        except (TypeError, ValueError) as error:
            raise RunError(f"what the tuners measured cannot be kept as JSON: {error}") from error
        self.write("tuning.json", (text + "\n").encode())

    def tuning(self) -> list[dict[str, Any]]:
        """Return what `write_tuning` wrote, or the newest checkpoint's copy where that is lost or damaged.

        Empty where no tuner has run to its end; raises `RunError` where it is damaged and there is no copy.
        """
        content = self.intact("tuning.json", read_tuning)
        if content is None and (kept := self.kept()) is not None:
            return kept.tuning
        return self._held("tuning.json", read_tuning) or []

    def records(self) -> list[EpochRecord]:
        """Return the records kept so far; where a line does not read, the newest checkpoint's copy of them.

        Raises `RunError` where there is no copy. A last line cut short by a kill is passed over.
        """
        found = self.record_lines()
        if (None in found or not found) and (kept := self.kept()) is not None:
            return list(kept.records)
        return self._held("metrics.jsonl", _records) or []

    def record_lines(self) -> list[EpochRecord | None]:
        """Return the record in each line of metrics.jsonl, None for a line that does not read."""
        return self.intact("metrics.jsonl", _lines) or []

    def append(self, record: EpochRecord) -> None:
        """Add an epoch's record."""
        self.append_to("metrics.jsonl", _line(record))

    def write_records(self, records: Iterable[EpochRecord]) -> None:
        """Write the records anew."""
        self.write("metrics.jsonl", b"".join(map(_line, records)))

    def save(self, step: int, state: dict[str, Any]) -> Path:
        """Write a checkpoint of the run's state after optimizer step `step`."""
        from ..checkpoint.files import write_checkpoint

        self.require_there()
        return write_checkpoint(self.path / "checkpoints", step, state)

    def newest_state(self) -> tuple[dict[str, Any] | None, list[str]]:
        """Return the newest state that is intact and can be used, or None, and a line for every one passed over."""
        from ..checkpoint.files import read_newest
        from .snapshot import require_usable

        return read_newest(self.path / "checkpoints", require_usable)

    def kept(self) -> RunSnapshot | None:
        """Return the newest checkpoint's copy of what the run wrote beside it; None without one."""
        from .snapshot import RunSnapshot

        state, _ = self.newest_state() if self.has_checkpoints() else (None, [])
        return None if state is None else RunSnapshot.of(state)

    def has_checkpoints(self) -> bool:
        """Whether there is a checkpoint, intact or not."""
        parent = self.path / "checkpoints"
        return is_folder(parent) and any(parent.glob("step-*/manifest.json"))

    def save_artifacts(self, artifacts: Iterable[Artifact]) -> None:
        """Write the files of each artifact under figures/."""
        for artifact in artifacts:
            for name, content in artifact.files().items():
                # There may be hundreds, and the next report writes them again: no waiting for the disk.
                self.write(f"figures/{name}", content, durable=False)

    def load_figure(self, name: str, title: str, caption: str) -> Figure | None:
        """Return a figure that `keep` wrote earlier, or None; raise `RunError` where what is there is none."""
        files = self.figure_files(name)
        if not files:
            return None
        from ..figures.artifacts import Figure

        svg, png = files.values()
        try:
            return Figure(name, title, caption, svg.decode("utf-8"), png)
        except UnicodeDecodeError:
            raise RunError(f"'{self.path / 'figures' / name}.svg' is no SVG: it is not UTF-8 text") from None

    def figure_files(self, name: str) -> dict[str, bytes]:
        """Return the files of a figure by their names in the folder, the SVG first; empty where one is missing."""
        names = [f"figures/{name}.{ending}" for ending in ("svg", "png")]
        there = all(os.path.lexists(self.path / name) for name in names)
        return {name: self.read(name) for name in names} if there else {}

    def write_predictions(self, predictions: Predictions, classes: Sequence[str]) -> None:
        """Write predictions.csv: a line for every test image, as `PerSample` measures it."""
        from .predictions_csv import predictions_csv

        self.write("predictions.csv", predictions_csv(predictions, classes).encode(errors="replace"))

    def write_report(self, html: str) -> Path:
        """Write the report and return its path."""
        self.write("report.html", html.encode())
        return self.report_path

    def intact(self, name: str, read: Callable[[bytes], Read]) -> Read | None:
        """Return what a file holds as `read` reads it; None where there is none, or it cannot be read."""
        with suppress(RunError):
            return self._held(name, read)
        return None

    def _held(self, name: str, read: Callable[[bytes], Read]) -> Read | None:
        """Return what a file holds as `read` reads it, None where there is none; raise `RunError` where it cannot."""
        if not os.path.lexists(self.path / name):
            return None
        try:
            return read(self.read(name, LARGEST[name]))
        except ValueError as error:
            again = shell_words("cvkit", "run", self.recipe_path)
            raise RunError(
                f"'{self.path / name}' is damaged: {error}. Put back a copy of it, or start a new run: {again}"
            ) from error


def _records(content: bytes) -> list[EpochRecord]:
    records = []
    for number, line in enumerate(content.splitlines(keepends=True), start=1):
        try:
            records += [read_record(line)] if line.endswith(b"\n") else []
        except ValueError as error:
            raise ValueError(f"line {number}: {error}") from error
    return records


def _lines(content: bytes) -> list[EpochRecord | None]:
    found: list[EpochRecord | None] = []
    for line in content.splitlines(keepends=True):
        if line.endswith(b"\n"):
            try:
                found.append(read_record(line))
            except ValueError:
                found.append(None)
    return found


def _line(record: EpochRecord) -> bytes:
    return (json.dumps(record.to_json(), allow_nan=False) + "\n").encode()
