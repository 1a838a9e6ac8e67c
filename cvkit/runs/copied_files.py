"""`CopiedFiles`: the files of a run folder that each checkpoint contains a copy of.

The copy is read if the file is missing or damaged.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from itertools import chain, count
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from ..data.splits import DataInfo
from ..engine.records import EpochRecord
from ..errors import CvkitError, FolderError, RunError, one_line
from ..files.locked_folder import LockedFolder
from ..files.safe_io import is_folder
from ..printable import shell_words
from ..recipe import RUN_KEYS, Document, keys_of, read_text
from ..recipe.document import display
from ..recipe.yaml_reader import MAX_BYTES, decode
from .json_files import LARGEST, read_info, read_tuning
from .record_lines import read_lines, read_records, written_line

if TYPE_CHECKING:  # only what computes loads torch; most mistakes are reported before that
    from ..data.framing import PretrainedInput
    from .snapshot import RunSnapshot

Read = TypeVar("Read")


class CopiedFiles(LockedFolder):
    """recipe.yaml, run.json, tuning.json and metrics.jsonl of a run folder, with their copies in checkpoints."""

    @property
    def recipe_path(self) -> Path:
        """The path of the resolved recipe. `cvkit run` reads it like any other recipe."""
        return self.path / "recipe.yaml"

    def recipe_text(self) -> str:
        """Return the resolved recipe, from the newest checkpoint if recipe.yaml is missing, incomplete or unreadable.

        Raises:
            FolderError: The file cannot be used, and no checkpoint contains a copy.
        """
        try:
            text = self._own_recipe()
        except CvkitError as error:
            if (snapshot := self.snapshot()) is None:
                raise FolderError(
                    f"{one_line(error)}. No checkpoint contains a copy: restore the file, or start a new run"
                ) from error
            return snapshot.recipe
        if keys_of(text) >= RUN_KEYS or (snapshot := self.snapshot()) is None or self.has_whole_recipe(snapshot):
            return text
        return snapshot.recipe

    def has_whole_recipe(self, snapshot: RunSnapshot) -> bool:
        """Return whether recipe.yaml exists, can be read, and contains every key of a copy.

        Args:
            snapshot: The copy in a checkpoint.
        """
        with suppress(CvkitError):
            return keys_of(self._own_recipe()) >= keys_of(snapshot.recipe)
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
            FolderError: The file cannot be used, and no checkpoint contains a copy.
            RecipeError: An override is not valid.
        """
        return read_text(self.recipe_text(), overrides, file=display(self.recipe_path), extends=False)

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

    def info(self) -> dict[str, Any]:
        """Return the content of run.json, with missing keys from the newest checkpoint; empty if neither exists.

        Raises:
            FolderError: run.json is damaged, and there is no checkpoint.
        """
        content = self.intact("run.json", read_info)
        if content is not None and "environment" in content:
            return content
        if (snapshot := self.snapshot()) is not None:
            return snapshot.info | (content or {})
        return self._held("run.json", read_info) or {}

    def data_info(self) -> DataInfo | None:
        """Return the `DataInfo` of the training data; None if an early version, which did not save it, ran."""
        saved = self.info().get("data_info")
        return None if saved is None else DataInfo.from_json(saved)

    def pretrained_input(self) -> PretrainedInput | None:
        """Return the input of the pretrained weights that the run started from; None if it started from none."""
        from ..engine.starting_run import input_of_run

        return input_of_run(self.info())

    def write_info(self, info: dict[str, Any]) -> dict[str, Any]:
        """Write run.json, and return its content as it will be read.

        Args:
            info: The new content.
        """
        text = json.dumps(info, indent=2, ensure_ascii=False)
        # A file name may contain bytes that are not Unicode: JSON gets them as escapes.
        self.write("run.json", f"{text}\n".encode("utf-8", "backslashreplace"))
        return dict(json.loads(text))

    def tuning(self) -> list[dict[str, Any]]:
        """Return the results of the tuners, from the newest checkpoint if tuning.json is missing or damaged.

        Returns:
            One dictionary per tuner; empty if no tuner has finished.

        Raises:
            FolderError: tuning.json is damaged, and there is no checkpoint.
        """
        content = self.intact("tuning.json", read_tuning)
        if content is None and (snapshot := self.snapshot()) is not None:
            return snapshot.tuning
        return self._held("tuning.json", read_tuning) or []

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

    def records(self) -> list[EpochRecord]:
        """Return the epoch records so far, from the newest checkpoint if a line of metrics.jsonl cannot be read.

        A last line that a kill cut short is skipped.

        Raises:
            FolderError: A line cannot be read, and there is no checkpoint.
        """
        found = self.record_lines()
        if (None in found or not found) and (snapshot := self.snapshot()) is not None:
            return list(snapshot.records)
        return self._held("metrics.jsonl", read_records) or []

    def record_lines(self) -> list[EpochRecord | None]:
        """Return the record in each line of metrics.jsonl; None for a line that cannot be read."""
        lines = self.intact("metrics.jsonl", read_lines) or []
        return [None if isinstance(line, ValueError) else line for line in lines]

    def append(self, record: EpochRecord) -> None:
        """Append the record of an epoch to metrics.jsonl.

        Args:
            record: The record.
        """
        self.append_to("metrics.jsonl", written_line(record))

    def write_records(self, records: Iterable[EpochRecord]) -> None:
        """Write metrics.jsonl, and replace all records in it.

        Args:
            records: One record per epoch.
        """
        self.write("metrics.jsonl", b"".join(map(written_line, records)))

    def newest_state(self) -> tuple[dict[str, Any] | None, list[str]]:
        """Return the newest intact and valid state, or None, and a line for every checkpoint that was skipped."""
        from ..checkpoint.files import read_newest
        from .snapshot import require_usable

        return read_newest(self.path / "checkpoints", require_usable)

    def snapshot(self) -> RunSnapshot | None:
        """Return the newest checkpoint's copies of the run's files; None if there is no checkpoint."""
        from .snapshot import RunSnapshot

        state, _ = self.newest_state() if self.has_checkpoints() else (None, [])
        return None if state is None else RunSnapshot.of(state)

    def data_digest(self) -> str | None:
        """Return the digest of the training data in the newest checkpoint; None if there is no checkpoint."""
        state, _ = self.newest_state() if self.has_checkpoints() else (None, [])
        return None if state is None else state["data"]

    def has_checkpoints(self) -> bool:
        """Return whether there is a checkpoint, intact or not."""
        parent = self.path / "checkpoints"
        return is_folder(parent) and any(parent.glob("step-*/manifest.json"))

    def intact(self, name: str, read: Callable[[bytes], Read]) -> Read | None:
        """Return the content of a file, or None if the file is missing or cannot be read.

        Args:
            name: The name of the file in the folder.
            read: Parses the content; raises `ValueError` if it is not valid.
        """
        with suppress(FolderError):
            return self._held(name, read)
        return None

    def _held(self, name: str, read: Callable[[bytes], Read]) -> Read | None:
        """Return the parsed content of a file, None if it is missing; raise `FolderError` if it is damaged."""
        if not os.path.lexists(self.path / name):
            return None
        try:
            return read(self.read(name, LARGEST[name]))
        except ValueError as error:
            again = shell_words("cvkit", "run", self.recipe_path)
            raise FolderError(
                f"'{self.path / name}' is damaged: {error}. Restore a copy of it, or start a new run: {again}"
            ) from error
