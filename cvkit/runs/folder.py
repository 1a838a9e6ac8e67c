"""`RunFolder`: the files of a run. No other module knows their names.

recipe.yaml        the resolved recipe: full ids, every default, and the values that tuners set
run.json           status, times, data folder, components with versions, environment
metrics.jsonl      one epoch record per line
checkpoints/       complete states; the newest two are kept
predictions.csv    the final model's prediction for every test image
figures/           every figure (SVG and PNG), table and gallery of the report
tuning.json        the measurements of the tuners
report.html        the report, on one page

The folder may come from a stranger. So links in it are not followed, and every file that is read has a limited size
and a checked shape.
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

if TYPE_CHECKING:  # only what computes loads torch; most mistakes are reported before that
    from ..engine.records import Predictions
    from ..figures.artifacts import Artifact, Figure
    from .predictions_csv import Outcomes
    from .snapshot import RunSnapshot

TIME = "%Y-%m-%d %H:%M:%S %z"
"""The format of times in run.json."""


Read = TypeVar("Read")


class RunFolder(LockedFolder):
    """The folder of one run: `create` makes a new one, `open` finds one, and `lock` reserves it for a process."""

    @classmethod
    def create(cls, parent: Path, name: str) -> RunFolder:
        """Create a new folder ``<name>-<date>-<time>``. An existing folder is never reused.

        Args:
            parent: The folder that will contain the run folder.
            name: The name of the run.

        Returns:
            The new run folder.

        Raises:
            RunError: The folder cannot be created.
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
                    f"could not create the run folder '{path}': {error.strerror}; choose another --output"
                ) from error
            return cls(path)
        raise RunError(f"'{parent}' already contains a thousand runs named {stem}; choose another --output")

    @classmethod
    def open(cls, path: Path) -> RunFolder:
        """Return an existing run folder.

        A folder with only a recipe is not a run folder, because a project may contain one. A run folder also contains
        run.json or checkpoints.

        Args:
            path: The path of the folder.

        Returns:
            The run folder.

        Raises:
            RunError: `path` is not a run folder.
        """
        folder = cls(path)
        if folder.has_checkpoints():  # checkpoints contain copies of the other files
            return folder
        if not (path / "recipe.yaml").is_file():
            raise RunError(f"'{path}' is not a run folder: it contains no recipe.yaml")
        if not (path / "run.json").is_file():
            raise RunError(
                f"'{path}' is not a run folder: it contains a recipe.yaml but no run.json; to start a run: "
                f"{shell_words('cvkit', 'run', path / 'recipe.yaml')}"
            )
        return folder

    def lock(self) -> None:
        """Reserve the folder for this process, and remove unfinished files of processes that were killed.

        Raises:
            RunError: Another process is using the folder.
        """
        super().lock()
        from ..checkpoint.files import clear_leftovers

        clear_leftovers(self.path / "checkpoints")
        figures = self.path / "figures"
        for folder in (self.path, figures, *(figures.iterdir() if is_folder(figures) else ())):
            clear_temporaries(folder)

    @property
    def recipe_path(self) -> Path:
        """The path of the resolved recipe. `cvkit run` reads it like any other recipe."""
        return self.path / "recipe.yaml"

    @property
    def report_path(self) -> Path:
        """The path of the report, which exists once the run has finished."""
        return self.path / "report.html"

    def recipe_text(self) -> str:
        """Return the resolved recipe, from the newest checkpoint if recipe.yaml is missing, incomplete or unreadable.

        Raises:
            RunError: The file cannot be used, and no checkpoint contains a copy.
        """
        try:
            text = self._own_recipe()
        except CvkitError as error:
            if (kept := self.kept()) is None:
                raise RunError(
                    f"{one_line(error)}. No checkpoint contains a copy: restore the file, or start a new run"
                ) from error
            return kept.recipe
        if keys_of(text) >= RUN_KEYS or (kept := self.kept()) is None or self.has_whole_recipe(kept):
            return text
        return kept.recipe

    def has_whole_recipe(self, kept: RunSnapshot) -> bool:
        """Return whether recipe.yaml exists, can be read, and contains every key of a copy.

        Args:
            kept: The copy in a checkpoint.
        """
        with suppress(CvkitError):
            return keys_of(self._own_recipe()) >= keys_of(kept.recipe)
        return False

    def _own_recipe(self) -> str:
        file = display(self.recipe_path)
        text = decode(self.read("recipe.yaml", MAX_BYTES), file)
        read_text(text, file=file, extends=False)
        return text

    def document(self, overrides: Sequence[str] = ()) -> Document:
        """Return the recipe of `recipe_text` as a document. It extends no other recipe, because it is complete.

        Args:
            overrides: Changes in the form ``path=value``.

        Returns:
            The document with the overrides applied.

        Raises:
            RunError: The file cannot be used, and no checkpoint contains a copy.
            RecipeError: An override is not valid.
        """
        return read_text(self.recipe_text(), overrides, file=display(self.recipe_path), extends=False)

    def info(self) -> dict[str, Any]:
        """Return the content of run.json, with missing keys from the newest checkpoint; empty if neither exists.

        Raises:
            RunError: run.json is damaged, and there is no checkpoint.
        """
        content = self.intact("run.json", read_info)
        if content is not None and "environment" in content:
            return content
        if (kept := self.kept()) is not None:
            return kept.info | (content or {})
        return self._held("run.json", read_info) or {}

    def data_info(self) -> DataInfo | None:
        """Return the `DataInfo` of the training data; None if an early version, which did not save it, ran."""
        kept = self.info().get("data_info")
        return None if kept is None else DataInfo.from_json(kept)

    def write_info(self, info: dict[str, Any]) -> dict[str, Any]:
        """Write run.json, and return its content as it will be read.

        Args:
            info: The new content.
        """
        text = json.dumps(info, indent=2, ensure_ascii=False)
        # A file name may contain bytes that are not Unicode: JSON gets them as escapes.
        self.write("run.json", f"{text}\n".encode("utf-8", "backslashreplace"))
        return dict(json.loads(text))

    def write_recipe(self, text: str) -> None:
        """Write recipe.yaml.

        Args:
            text: The resolved recipe.
        """
        self.write("recipe.yaml", text.encode())

    def set_recipe_aside(self) -> str:
        """Rename an unusable recipe.yaml and return its new name; empty if there is no such file."""
        numbered = (self.recipe_path.with_name(f"recipe.damaged-{number}.yaml") for number in count(2))
        names = chain([self.recipe_path.with_name("recipe.damaged.yaml")], numbered)
        aside = next(path for path in names if not os.path.lexists(path))
        with suppress(OSError):
            self.recipe_path.replace(aside)
            return aside.name
        return ""

    def write_tuning(self, results: Sequence[dict[str, Any]]) -> None:
        """Write tuning.json.

        Args:
            results: One dictionary per tuner.

        Raises:
            RunError: A result contains a value that JSON cannot represent.
        """
        try:
            text = json.dumps(results, indent=1, allow_nan=False)
        except (TypeError, ValueError) as error:
            raise RunError(f"the measurements of the tuners cannot be saved as JSON: {error}") from error
        self.write("tuning.json", (text + "\n").encode())

    def tuning(self) -> list[dict[str, Any]]:
        """Return the results of the tuners, from the newest checkpoint if tuning.json is missing or damaged.

        Returns:
            One dictionary per tuner; empty if no tuner has finished.

        Raises:
            RunError: tuning.json is damaged, and there is no checkpoint.
        """
        content = self.intact("tuning.json", read_tuning)
        if content is None and (kept := self.kept()) is not None:
            return kept.tuning
        return self._held("tuning.json", read_tuning) or []

    def records(self) -> list[EpochRecord]:
        """Return the epoch records so far, from the newest checkpoint if a line of metrics.jsonl cannot be read.

        A last line that a kill cut short is skipped.

        Raises:
            RunError: A line cannot be read, and there is no checkpoint.
        """
        found = self.record_lines()
        if (None in found or not found) and (kept := self.kept()) is not None:
            return list(kept.records)
        return self._held("metrics.jsonl", _records) or []

    def record_lines(self) -> list[EpochRecord | None]:
        """Return the record in each line of metrics.jsonl; None for a line that cannot be read."""
        return self.intact("metrics.jsonl", _lines) or []

    def append(self, record: EpochRecord) -> None:
        """Append the record of an epoch to metrics.jsonl.

        Args:
            record: The record.
        """
        self.append_to("metrics.jsonl", _line(record))

    def write_records(self, records: Iterable[EpochRecord]) -> None:
        """Write metrics.jsonl, and replace all records in it.

        Args:
            records: One record per epoch.
        """
        self.write("metrics.jsonl", b"".join(map(_line, records)))

    def save(self, step: int, state: dict[str, Any]) -> Path:
        """Write a checkpoint.

        Args:
            step: The number of optimizer steps so far.
            state: The state of the run.

        Returns:
            The path of the checkpoint.

        Raises:
            CheckpointError: The checkpoint cannot be written.
        """
        from ..checkpoint.files import write_checkpoint

        self.require_there()
        return write_checkpoint(self.path / "checkpoints", step, state)

    def newest_state(self) -> tuple[dict[str, Any] | None, list[str]]:
        """Return the newest intact and valid state, or None, and a line for every checkpoint that was skipped."""
        from ..checkpoint.files import read_newest
        from .snapshot import require_usable

        return read_newest(self.path / "checkpoints", require_usable)

    def kept(self) -> RunSnapshot | None:
        """Return the newest checkpoint's copies of the run's files; None if there is no checkpoint."""
        from .snapshot import RunSnapshot

        state, _ = self.newest_state() if self.has_checkpoints() else (None, [])
        return None if state is None else RunSnapshot.of(state)

    def has_checkpoints(self) -> bool:
        """Return whether there is a checkpoint, intact or not."""
        parent = self.path / "checkpoints"
        return is_folder(parent) and any(parent.glob("step-*/manifest.json"))

    def save_artifacts(self, artifacts: Iterable[Artifact]) -> None:
        """Write the files of artifacts under figures/.

        Args:
            artifacts: Figures, tables and galleries.
        """
        for artifact in artifacts:
            for name, content in artifact.files().items():
                # There may be hundreds, and the next report writes them again, so do not wait for the disk.
                self.write(f"figures/{name}", content, durable=False)

    def load_figure(self, name: str, title: str, caption: str) -> Figure | None:
        """Return a figure that `save_artifacts` wrote, or None if there is none.

        Args:
            name: The stem of its files.
            title: Its title.
            caption: Its caption.

        Raises:
            RunError: The file is not a figure.
        """
        files = self.figure_files(name)
        if not files:
            return None
        from ..figures.artifacts import Figure

        svg, png = files.values()
        try:
            return Figure(name, title, caption, svg.decode("utf-8"), png)
        except UnicodeDecodeError:
            raise RunError(f"'{self.path / 'figures' / name}.svg' is not an SVG: it is not UTF-8 text") from None

    def figure_files(self, name: str) -> dict[str, bytes]:
        """Return the files of a figure by name, the SVG first; empty if one is missing.

        Args:
            name: The stem of its files.
        """
        names = [f"figures/{name}.{ending}" for ending in ("svg", "png")]
        there = all(os.path.lexists(self.path / name) for name in names)
        return {name: self.read(name) for name in names} if there else {}

    def write_predictions(self, predictions: Predictions, classes: Sequence[str]) -> None:
        """Write predictions.csv: one line per test image, with the measures of `PerSample`.

        Args:
            predictions: The predictions for the test images.
            classes: Names of the classes.
        """
        from .predictions_csv import predictions_csv

        self.write("predictions.csv", predictions_csv(predictions, classes).encode(errors="replace"))

    def outcomes(self) -> Outcomes:
        """Return the true class of each image in predictions.csv, and whether its prediction is correct.

        Raises:
            RunError: The file is missing, because the run has not finished, or it is damaged.
        """
        from .predictions_csv import outcomes

        found = self._held("predictions.csv", outcomes)
        if found is None:
            again = shell_words("cvkit", "resume", self.path)
            raise RunError(
                f"'{self.path}' contains no predictions.csv; if the run has not finished, continue it: {again}"
            )
        return found

    def write_report(self, html: str) -> Path:
        """Write report.html, and return its path.

        Args:
            html: The page.
        """
        self.write("report.html", html.encode())
        return self.report_path

    def intact(self, name: str, read: Callable[[bytes], Read]) -> Read | None:
        """Return the content of a file, or None if the file is missing or cannot be read.

        Args:
            name: The name of the file in the folder.
            read: Parses the content; raises `ValueError` if it is not valid.
        """
        with suppress(RunError):
            return self._held(name, read)
        return None

    def _held(self, name: str, read: Callable[[bytes], Read]) -> Read | None:
        """Return the parsed content of a file, None if it is missing; raise `RunError` if it is damaged."""
        if not os.path.lexists(self.path / name):
            return None
        try:
            return read(self.read(name, LARGEST[name]))
        except ValueError as error:
            again = shell_words("cvkit", "run", self.recipe_path)
            raise RunError(
                f"'{self.path / name}' is damaged: {error}. Restore a copy of it, or start a new run: {again}"
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
