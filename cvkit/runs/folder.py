"""`RunFolder`: the files of a run. Only this module and `copied_files` contain their names.

recipe.yaml        the resolved recipe: full ids, every default, and the values that tuners set
run.json           status, times, data folder, components with versions, environment
metrics.jsonl      one epoch record per line
checkpoints/       complete states; the newest two are kept
data.csv           the split of each file of the data set, and the files left out, if its images are files
predictions.csv    the final model's prediction for every test image
figures/           every figure (SVG and PNG), table and gallery of the report
tuning.json        the measurements of the tuners
observers/         for each experiment tracker, its own run that belongs to this one, and the last reported step
report.html        the report, on one page
calibration.json   the temperature and what the model declines, of `cvkit calibrate`, with the digest of the weights
calibration.html   what the calibration promises, and what was measured

The folder may come from a stranger. So links in it are not followed, and every file that is read has a limited size
and a checked shape.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import CheckpointError, FolderError
from ..files.safe_io import clear_temporaries, is_folder
from ..printable import shell_words
from .copied_files import CopiedFiles, Read
from .json_files import LARGEST, read_calibration

if TYPE_CHECKING:  # only what computes loads torch; most mistakes are reported before that
    from ..checkpoint.state_copy import StateCopy
    from ..data.splits import Splits
    from ..engine.predictions import Predictions
    from ..figures.artifacts import Artifact, Figure
    from .predictions_csv import Outcomes

TIME = "%Y-%m-%d %H:%M:%S %z"
"""The format of times in run.json."""


class RunFolder(CopiedFiles):
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
            FolderError: The folder cannot be created.
        """
        stem = f"{name}-{datetime.now():%Y%m%d-%H%M%S}"
        for attempt in range(1, 1000):
            path = parent / (stem if attempt == 1 else f"{stem}-{attempt}")
            try:
                path.mkdir(parents=True)
            except FileExistsError:
                continue
            except OSError as error:
                raise FolderError(
                    f"could not create the run folder '{path}': {error.strerror}; choose another output folder"
                ) from error
            return cls(path)
        raise FolderError(f"'{parent}' already contains a thousand runs named {stem}; choose another output folder")

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
            FolderError: `path` is not a run folder.
        """
        folder = cls(path)
        if folder.has_checkpoints():  # checkpoints contain copies of the other files
            return folder
        if not path.is_dir():
            raise FolderError(f"there is no folder '{path}'" if not path.exists() else f"'{path}' is not a folder")
        if not (path / "recipe.yaml").is_file():
            raise FolderError(f"'{path}' is not a run folder: it contains no recipe.yaml")
        if not (path / "run.json").is_file():
            raise FolderError(
                f"'{path}' is not a run folder: it contains a recipe.yaml but no run.json; to start a run: "
                f"{shell_words('cvkit', 'run', path / 'recipe.yaml')}"
            )
        return folder

    def lock(self) -> None:
        """Reserve the folder for this process, and remove unfinished files of processes that were killed.

        Raises:
            FolderError: Another process is using the folder.
        """
        super().lock()
        from ..checkpoint.files import clear_leftovers

        clear_leftovers(self.path / "checkpoints")
        figures = self.path / "figures"
        for folder in (self.path, figures, *(figures.iterdir() if is_folder(figures) else ())):
            clear_temporaries(folder)

    @property
    def report_path(self) -> Path:
        """The path of the report, which exists once the run has finished."""
        return self.path / "report.html"

    def save(self, step: int, state: dict[str, Any] | StateCopy) -> Path:
        """Write a checkpoint.

        Args:
            step: The number of optimizer steps so far.
            state: The state of the run, or a copy of it.

        Returns:
            The path of the checkpoint.

        Raises:
            CheckpointError: The checkpoint cannot be written.
            FolderError: The folder was removed, renamed or replaced.
        """
        from ..checkpoint.files import write_checkpoint

        self.require_there()
        try:
            return write_checkpoint(self.path / "checkpoints", step, state)
        except CheckpointError:
            self.require_there()  # a folder that disappears during the write is the reason, and needs other advice
            raise

    def remove_checkpoints(self) -> None:
        """Remove all checkpoints, after which the run cannot be continued and its model cannot be loaded.

        Raises:
            CheckpointError: A checkpoint cannot be removed.
        """
        from ..checkpoint.files import remove_checkpoints

        self.require_there()
        remove_checkpoints(self.path / "checkpoints")

    def save_artifacts(self, artifacts: Iterable[Artifact]) -> None:
        """Write the files of artifacts under figures/.

        Args:
            artifacts: Figures, tables and galleries.
        """
        for artifact in artifacts:
            for name, content in artifact.files().items():
                # There may be hundreds, and the next report writes them again, so do not wait for the disk.
                self.write(f"figures/{name}", content, durable=False)

    def load_figure(self, name: str, title: str, caption: str, description: str = "") -> Figure | None:
        """Return a figure that `save_artifacts` wrote, or None if there is none.

        Args:
            name: The stem of its files.
            title: Its title.
            caption: Its caption.
            description: What it shows, in words.

        Raises:
            FolderError: The file is not a figure.
        """
        files = self.figure_files(name)
        if not files:
            return None
        from ..figures.artifacts import Figure

        svg, png = files.values()
        try:
            return Figure(name, title, caption, svg.decode("utf-8"), png, description)
        except UnicodeDecodeError:
            raise FolderError(f"'{self.path / 'figures' / name}.svg' is not an SVG: it is not UTF-8 text") from None

    def figure_files(self, name: str) -> dict[str, bytes]:
        """Return the files of a figure by name, the SVG first; empty if one is missing.

        Args:
            name: The stem of its files.
        """
        names = [f"figures/{name}.{ending}" for ending in ("svg", "png")]
        there = all(os.path.lexists(self.path / name) for name in names)
        return {name: self.read(name) for name in names} if there else {}

    def write_predictions(
        self, predictions: Predictions, classes: Sequence[str], digests: Sequence[str] | None = None
    ) -> None:
        """Write predictions.csv: one line per test image, with the measures of `PerSample`.

        Args:
            predictions: The predictions for the test images.
            classes: Names of the classes.
            digests: The digest of each image, by which it is recognised in other data; None if there are none.
        """
        pieces: Iterator[str] = predictions.task.part("csv")(predictions, classes, digests)
        self.write("predictions.csv", (piece.encode(errors="replace") for piece in pieces))

    def write_data(self, splits: Splits) -> None:
        """Write data.csv: the split of each file of the data set, and the files left out. Nothing without files.

        Args:
            splits: The data set.
        """
        from .data_csv import data_csv

        pieces = (piece.encode(errors="replace") for piece in data_csv(splits))
        if (first := next(pieces, None)) is not None:
            self.write("data.csv", chain((first,), pieces))

    def outcomes(self) -> Outcomes:
        """Return the true class of each image in predictions.csv, and whether its prediction is correct.

        Raises:
            FolderError: The file is missing, because the run has not finished, or it is damaged.
        """
        from .predictions_csv import outcomes

        return self.read_predictions(outcomes)

    def read_predictions(self, read: Callable[[bytes], Read]) -> Read:
        """Return what `read` finds in predictions.csv.

        Args:
            read: Parses the content; raises `ValueError` if it is not valid.

        Raises:
            FolderError: The file is missing, because the run has not finished, or it is damaged.
        """
        found = self._held("predictions.csv", read)
        if found is None:
            again = shell_words("cvkit", "resume", self.path)
            raise FolderError(
                f"'{self.path}' contains no predictions.csv; if the run has not finished, continue it: {again}"
            )
        return found

    def calibration(self) -> dict[str, Any] | None:
        """Return the content of calibration.json, or None if the run is not calibrated.

        Raises:
            FolderError: The file is damaged, or cannot be read.
        """
        if not os.path.lexists(self.path / "calibration.json"):
            return None
        try:
            return read_calibration(self.read("calibration.json", LARGEST["calibration.json"]))
        except ValueError as error:
            raise FolderError(f"'{self.path / 'calibration.json'}' is damaged: {error}") from error

    def write_calibration(self, content: dict[str, Any], html: str) -> list[Path]:
        """Write calibration.html and calibration.json, and return their paths.

        Args:
            content: The content of calibration.json.
            html: The page.
        """
        text = json.dumps(content, indent=2, allow_nan=False)
        self.write("calibration.html", html.encode())
        self.write("calibration.json", f"{text}\n".encode())  # last, because it is what predictions use
        return [self.path / "calibration.json", self.path / "calibration.html"]

    def remove_calibration(self) -> None:
        """Remove calibration.json and calibration.html.

        Raises:
            FolderError: Neither exists, or one cannot be removed.
        """
        there = [path for name in ("json", "html") if os.path.lexists(path := self.path / f"calibration.{name}")]
        if not there:
            raise FolderError(f"'{self.path}' contains no calibration to remove")
        try:
            for path in there:
                path.unlink()
        except OSError as error:
            raise FolderError(f"could not remove '{path}': {error.strerror}") from error

    def write_report(self, html: str) -> Path:
        """Write report.html, and return its path.

        Args:
            html: The page.
        """
        self.write("report.html", html.encode())
        return self.report_path
