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
from dataclasses import replace
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
    from .kept import Kept

TIME = "%Y-%m-%d %H:%M:%S %z"
"""How run.json writes a time."""


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
        folder = cls(path)
        if folder.has_checkpoints():  # they hold copies of what else may be lost
            return folder
        if not folder.recipe_path.is_file():
            raise RunError(f"'{path}' is not a run folder: it holds no recipe.yaml")
        if not (path / "run.json").is_file():
            raise RunError(
                f"'{path}' is not a run folder: it holds a recipe.yaml, and no run.json; to begin a run: "
                f"{shell_words('cvkit', 'run', path / 'recipe.yaml')}"
            )
        return folder

    @classmethod
    def newest_unfinished(cls, parent: Path, name: str) -> tuple[RunFolder | None, list[str]]:
        """Return the newest folder under `parent` of a run `name` that neither finished nor failed, or None.

        With a line for each folder of such a name that cannot be told to be one, and is passed over.
        """
        unfinished: list[tuple[datetime, RunFolder]] = []
        passed_over = []
        for path in sorted(parent.iterdir()) if parent.is_dir() else ():
            folder = cls(path)
            if not path.name.startswith(f"{name}-") or not path.is_dir():
                continue
            try:
                info = folder.info()
                started = _time(info["started"])
            except (RunError, KeyError):
                passed_over.append(f"'{path}' is passed over: it holds no run.json that can be read")
                continue
            if info.get("name") != name or info.get("status") in ("finished", "failed"):
                continue
            if folder.recipe_path.is_file() or folder.has_checkpoints():
                unfinished.append((started, folder))
            else:
                passed_over.append(f"'{path}' is passed over: it holds no recipe.yaml, so it has not begun to train")
        return max(unfinished, key=lambda entry: entry[0], default=(None, None))[1], passed_over

    def lock(self) -> None:
        """Keep other processes out until this one ends; raise `RunError` if one is at work here."""
        try:
            self._lock.acquire()
        except Timeout:
            raise RunError(f"another process is at work in '{self.path}'") from None
        from .engine.checkpoint import clear_leftovers

        clear_leftovers(self.path / "checkpoints")

    @property
    def recipe_path(self) -> Path:
        """The resolved recipe, which `cvkit run` reads like any other."""
        return self.path / "recipe.yaml"

    @property
    def report_path(self) -> Path:
        """The report, once the run has ended."""
        return self.path / "report.html"

    def recipe_text(self) -> str:
        """Return the resolved recipe, the newest checkpoint's copy where the file is lost; raise `RunError` without.

        The text may be one that was cut short: `missing_keys` tells.
        """
        try:
            return self.recipe_path.read_text(encoding="utf-8")
        except (OSError, ValueError):
            if (kept := self.kept()) is None:
                raise RunError(
                    f"'{self.recipe_path}' is lost or does not read, and no checkpoint holds a copy; put it back, or "
                    "start a new run"
                ) from None
            return kept.recipe

    def info(self) -> dict[str, Any]:
        """Return what run.json holds, with what it lacks of the newest checkpoint's copy.

        Empty where there is neither; raises `RunError` where it is damaged and there is no copy.
        """
        content = self.json("run.json", dict)
        if content is not None and "environment" in content:
            return dict(content)
        if (kept := self.kept()) is not None:
            return kept.info | (content or {})
        return dict(content if content is not None else self._none("run.json", {}))

    def data_info(self) -> DataInfo | None:
        """Return what is known of the data the run is trained on; None in a folder of before it was kept there."""
        kept = self.info().get("data_info")
        return None if kept is None else DataInfo.from_json(kept)

    def write_info(self, info: dict[str, Any]) -> dict[str, Any]:
        """Write run.json, and return what was written as it reads."""
        text = json.dumps(info, indent=2, ensure_ascii=False)
        self._write("run.json", text + "\n")
        return dict(json.loads(text))

    def update_info(self, **values: Any) -> None:
        """Add `values` to run.json."""
        self.write_info(self.info() | values)

    def write_recipe(self, text: str) -> None:
        """Write the resolved recipe."""
        self._write("recipe.yaml", text)

    def set_recipe_aside(self) -> str:
        """Give a recipe.yaml that is of no use another name, and return that; empty where there is none."""
        aside = self.recipe_path.with_name("recipe.damaged.yaml")
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
        self._write("tuning.json", text + "\n")

    def tuning(self) -> list[dict[str, Any]]:
        """Return what `write_tuning` wrote, or the newest checkpoint's copy where that is lost or damaged.

        Empty where no tuner has run to its end; raises `RunError` where it is damaged and there is no copy.
        """
        content = self.json("tuning.json", list)
        if content is None and (kept := self.kept()) is not None:
            return kept.tuning
        return list(content if content is not None else self._none("tuning.json", []))

    def records(self) -> list[Record]:
        """Return the records kept so far; where a line does not read, the newest checkpoint's copy of them.

        Raises `RunError` where there is no copy. A last line cut short by a kill is passed over.
        """
        found = self.record_lines()
        if (None in found or not found) and (kept := self.kept()) is not None:
            return list(kept.records)
        if None in found:
            file, line = self.path / "metrics.jsonl", found.index(None) + 1
            raise RunError(f"'{file}' is damaged in line {line}; remove the line to go on without it")
        return [record for record in found if record is not None]

    def record_lines(self) -> list[Record | None]:
        """Return the record in each line of metrics.jsonl, None for a line that does not read."""
        file = self.path / "metrics.jsonl"
        lines = file.read_bytes().splitlines(keepends=True) if file.exists() else []
        found: list[Record | None] = []
        for line in lines:
            if line.endswith(b"\n"):
                try:
                    found.append(Record.from_json(json.loads(line)))
                except (ValueError, KeyError, TypeError):
                    found.append(None)
        return found

    def append(self, record: Record) -> None:
        """Add an epoch's record."""
        with (self.path / "metrics.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(record.to_json(), allow_nan=False) + "\n")
            file.flush()
            os.fsync(file.fileno())

    def write_records(self, records: Iterable[Record]) -> None:
        """Write the records anew."""
        self._write("metrics.jsonl", "".join(json.dumps(record.to_json()) + "\n" for record in records))

    def save(self, step: int, state: dict[str, Any]) -> Path:
        """Write a checkpoint of the run's state after optimizer step `step`."""
        from .engine.checkpoint import write_checkpoint

        return write_checkpoint(self.path / "checkpoints", step, state)

    def newest_state(self) -> tuple[dict[str, Any] | None, list[str]]:
        """Return the newest intact state, or None, and a line for every damaged one passed over."""
        from .engine.checkpoint import read_newest

        return read_newest(self.path / "checkpoints")

    def kept(self) -> Kept | None:
        """Return the newest checkpoint's copy of what the run wrote beside it; None without one."""
        from .kept import Kept

        state, _ = self.newest_state() if self.has_checkpoints() else (None, [])
        return None if state is None else Kept.of(state)

    def has_checkpoints(self) -> bool:
        """Whether there is a checkpoint, intact or not."""
        return any((self.path / "checkpoints").glob("step-*/manifest.json"))

    def extended(
        self, recipe: str, state: dict[str, Any], kept: Kept, note: dict[str, Any], warnings: list[str]
    ) -> RunFolder:
        """Make a folder beside this one that is where `state` is, to go on by the text `recipe`; return it.

        It gets the records, what tuners measured and what run.json says the run began with, but not what it says of
        the report; `note` joins its ``extended``, and `warnings` are its own. run.json comes last: a folder without
        it is passed over by `newest_unfinished`.
        """
        info = {key: value for key, value in kept.info.items() if key not in ("finished", "error")}
        info |= {"started": f"{datetime.now().astimezone():{TIME}}", "status": "interrupted", "warnings": warnings}
        info |= {"extended": [*info.get("extended", []), {"from": str(self.path), **note}]}
        folder = RunFolder.create(self.path.parent, info.get("name", self.path.name))
        for file in self.path.glob("figures/tuning_*"):
            folder._write(file.relative_to(self.path).as_posix(), file.read_bytes())
        if kept.tuning:
            folder.write_tuning(kept.tuning)
        folder.write_records(kept.records)
        folder.write_recipe(recipe)
        folder.save(state["step"], state | {"kept": replace(kept, recipe=recipe, info=info).state()})
        folder.write_info(info)
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

    def json(self, name: str, kind: type[dict[str, Any]] | type[list[Any]]) -> Any:
        """Return what a file holds; None where there is none, or it does not read or is not a `kind`."""
        with suppress(FileNotFoundError, ValueError):
            content = json.loads((self.path / name).read_bytes())
            if isinstance(content, kind):
                return content
        return None

    def _none(self, name: str, empty: Any) -> Any:
        """Return `empty` where there is no such file; raise `RunError` where there is one, as it is damaged."""
        if (self.path / name).exists():
            raise RunError(
                f"'{self.path / name}' is damaged, and no checkpoint holds a copy; remove it to go on without"
            )
        return empty

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


def _time(text: object) -> datetime:
    """Return the time that run.json writes; raise `RunError` for what is none."""
    try:
        return datetime.strptime(str(text), TIME)
    except ValueError:
        raise RunError(f"'{text}' is not a time as run.json writes it") from None


def _decimals(values: Tensor) -> list[str]:
    return [f"{value:.6f}" for value in values.tolist()]
