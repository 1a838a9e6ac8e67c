"""`RunFolder`: what remains of a run, and the only place that knows file names.

recipe.yaml        the recipe as resolved: full ids, every default, what tuners filled in
run.json           status, times, data folder, components with versions, environment
metrics.jsonl      one record a line, one line an epoch
checkpoints/       complete states, the newest two
predictions.csv    what the final model says of every test image
figures/           every figure (SVG and PNG), table and gallery of the report
tuning.json        what the tuners measured
report.html        all of it on one page
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filelock import FileLock, Timeout

from .engine.data import DataInfo
from .engine.metrics import Record
from .errors import RunError
from .printable import shell_words

if TYPE_CHECKING:  # torch loads with what computes, not with the folder: most mistakes are told before that
    from torch import Tensor

    from .diagnostics.artifacts import Artifact, Figure
    from .engine.metrics import Predictions


class RunFolder:
    """The folder of one run. Made by `create`, found again by `open`; locked while a process works in it."""

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()
        self._lock = FileLock(self.path / ".lock", blocking=False)

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
        if not (path / "recipe.yaml").is_file():
            raise RunError(f"'{path}' is not a run folder: it holds no recipe.yaml")
        if not (path / "run.json").is_file() and not any(path.glob("checkpoints/step-*")):
            raise RunError(
                f"'{path}' is not a run folder: it holds a recipe.yaml, and no run.json; to begin a run: "
                f"{shell_words('cvkit', 'run', path / 'recipe.yaml')}"
            )
        return cls(path)

    @classmethod
    def newest_unfinished(cls, parent: Path, name: str) -> RunFolder | None:
        """Return the newest folder under `parent` of a run `name` that neither finished nor failed, or None."""
        candidates = [(cls(path.parent), cls(path.parent).info()) for path in parent.glob(f"{name}-*/run.json")]
        unfinished = [
            (str(info.get("started")), folder)
            for folder, info in candidates
            if info.get("name") == name and info.get("status") not in ("finished", "failed")
        ]
        return max(unfinished, key=lambda entry: entry[0], default=("", None))[1]

    def lock(self) -> None:
        """Keep other processes out until this one ends; raise `RunError` if one is at work here."""
        try:
            self._lock.acquire()
        except Timeout:
            raise RunError(f"another process is at work in '{self.path}'") from None
        from .engine.checkpoint import clear_leftovers

        clear_leftovers(self.path / "checkpoints")

    def unlock(self) -> None:
        """Let other processes in again."""
        self._lock.release()

    @property
    def recipe_path(self) -> Path:
        """The resolved recipe, which `cvkit run` reads like any other."""
        return self.path / "recipe.yaml"

    @property
    def report_path(self) -> Path:
        """The report, once the run has ended."""
        return self.path / "report.html"

    def info(self) -> dict[str, Any]:
        """Return what run.json holds; empty where there is none yet."""
        return dict(self._json("run.json", dict))

    def data_info(self) -> DataInfo | None:
        """Return what is known of the data the run is trained on; None in a folder of before it was kept there."""
        kept = self.info().get("data_info")
        return None if kept is None else DataInfo.from_json(kept)

    def update_info(self, **values: Any) -> None:
        """Add `values` to run.json."""
        self._write("run.json", json.dumps(self.info() | values, indent=2, ensure_ascii=False) + "\n")

    def write_recipe(self, text: str) -> None:
        """Write the resolved recipe."""
        self._write("recipe.yaml", text)

    def write_tuning(self, results: Sequence[dict[str, Any]]) -> None:
        """Write what the tuners measured and proposed; raise `RunError` for what JSON cannot hold."""
        try:
            text = json.dumps(results, indent=1, allow_nan=False)
        except (TypeError, ValueError) as error:
            raise RunError(f"what the tuners measured cannot be kept as JSON: {error}") from error
        self._write("tuning.json", text + "\n")

    def tuning(self) -> list[dict[str, Any]]:
        """Return what `write_tuning` wrote; empty where no tuner has run to its end."""
        return list(self._json("tuning.json", list))

    def records(self) -> list[Record]:
        """Return the records kept so far; a last line cut short by a kill is passed over."""
        file = self.path / "metrics.jsonl"
        lines = file.read_bytes().splitlines(keepends=True) if file.exists() else []
        records = []
        for number, line in enumerate(lines, start=1):
            try:
                records += [Record.from_json(json.loads(line))] if line.endswith(b"\n") else []
            except (ValueError, KeyError, TypeError):
                raise RunError(f"'{file}' is damaged in line {number}; remove it to go on without it") from None
        return records

    def append(self, record: Record) -> None:
        """Add an epoch's record."""
        with (self.path / "metrics.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(record.to_json(), allow_nan=False) + "\n")
            file.flush()
            os.fsync(file.fileno())

    def forget_records_after(self, epoch: int) -> None:
        """Drop the records of epochs later than `epoch`, which are about to be run again."""
        self._write_records(record for record in self.records() if record.epoch <= epoch)

    def _write_records(self, records: Iterable[Record]) -> None:
        self._write("metrics.jsonl", "".join(json.dumps(record.to_json()) + "\n" for record in records))

    def save(self, step: int, state: dict[str, Any]) -> Path:
        """Write a checkpoint of the run's state after optimizer step `step`."""
        from .engine.checkpoint import write_checkpoint

        return write_checkpoint(self.path / "checkpoints", step, state)

    def newest_state(self) -> tuple[dict[str, Any] | None, list[str]]:
        """Return the newest intact state, or None, and a line for every damaged one passed over."""
        from .engine.checkpoint import read_newest

        return read_newest(self.path / "checkpoints")

    def extended(self, recipe: str, state: dict[str, Any], note: dict[str, Any]) -> RunFolder:
        """Make a folder beside this one that stands where `state` does, to go on by the text `recipe`; return it.

        It gets the records, what tuners measured and what run.json says the run began with, but not what it says of
        the report; `note` joins its ``extended``. The recipe comes last: without it this is no run folder yet.
        """
        info, records = self.info(), self.records()  # where one is damaged, that is said before a folder is made
        folder = RunFolder.create(self.path.parent, info.get("name", self.path.name))
        folder._write_records(records)
        for file in [*self.path.glob("tuning.json"), *self.path.glob("figures/tuning_*")]:
            folder._write(file.relative_to(self.path).as_posix(), file.read_bytes())
        folder.save(state["step"], state)
        kept = {key: value for key, value in info.items() if key not in ("finished", "error", "warnings")}
        started = f"{datetime.now().astimezone():%Y-%m-%d %H:%M:%S %z}"
        extended = [*info.get("extended", []), {"from": str(self.path), **note}]
        folder.update_info(**kept | {"started": started, "status": "interrupted", "extended": extended})
        folder.write_recipe(recipe)
        return folder

    def keep(self, artifacts: Iterable[Artifact]) -> None:
        """Write the files of each artifact under figures/."""
        for artifact in artifacts:
            for name, content in artifact.files().items():
                self._write(f"figures/{name}", content)

    def kept_figure(self, name: str, title: str, caption: str) -> Figure | None:
        """Return a figure that `keep` wrote earlier, or None."""
        svg, png = (self.path / "figures" / f"{name}.{ending}" for ending in ("svg", "png"))
        if not (svg.is_file() and png.is_file()):
            return None
        from .diagnostics.artifacts import Figure

        return Figure(name, title, caption, svg.read_text(encoding="utf-8"), png.read_bytes())

    def write_predictions(self, predictions: Predictions, classes: Sequence[str]) -> None:
        """Write predictions.csv: a line for every test image, as `PerSample` measures it."""
        from .diagnostics.per_sample import PerSample
        from .diagnostics.spreadsheet import csv_text

        measured = PerSample.of(predictions)
        columns: dict[str, Sequence[object]] = {
            "index": range(len(predictions.labels)),
            "true": [classes[label] for label in predictions.labels.tolist()],
            "predicted": [classes[label] for label in predictions.predicted.tolist()],
            "correct": predictions.correct.int().tolist(),
            "probability_predicted": _decimals(measured.confidence),
            "probability_true": _decimals(measured.of_true),
            "loss": _decimals(measured.loss),
            "margin": _decimals(measured.margin),
        }
        text = csv_text(tuple(columns), zip(*columns.values(), strict=True))
        self._write("predictions.csv", text.encode(errors="replace"))

    def write_report(self, html: str) -> Path:
        """Write the report and return its path."""
        self._write("report.html", html)
        return self.report_path

    def _json(self, name: str, kind: type[dict[str, Any]] | type[list[Any]]) -> Any:
        """Return what a file holds, an empty `kind` where there is none; raise `RunError` where it is damaged."""
        with suppress(FileNotFoundError, ValueError):
            content = json.loads((self.path / name).read_bytes())
            if isinstance(content, kind):
                return content
        if (self.path / name).exists():
            raise RunError(f"'{self.path / name}' is damaged; remove it to go on without it")
        return kind()

    def _write(self, name: str, content: str | bytes) -> None:
        """Put a file in place whole: a reader sees the old one or the new one."""
        target = self.path / name
        temporary = target.with_name(f".tmp-{target.name}")
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            temporary.write_bytes(content.encode("utf-8") if isinstance(content, str) else content)
            temporary.replace(target)
        except OSError as error:
            temporary.unlink(missing_ok=True)
            raise RunError(f"'{target}' cannot be written: {error.strerror}") from error


def _decimals(values: Tensor) -> list[str]:
    return [f"{value:.6f}" for value in values.tolist()]
