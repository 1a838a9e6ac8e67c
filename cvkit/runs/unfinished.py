"""Find the newest unfinished run in a folder, for ``cvkit run --resume``."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from ..errors import FolderError
from .folder import TIME, RunFolder


def newest_unfinished(parent: Path, name: str) -> tuple[RunFolder | None, list[str]]:
    """Return the newest folder under `parent` of a run called `name` that neither finished nor failed, or None.

    Also return a line for each folder that may contain such a run but cannot be read and is skipped.
    """
    unfinished: list[tuple[datetime, RunFolder]] = []
    passed_over = []
    for path in sorted(parent.iterdir()) if parent.is_dir() else ():
        folder = RunFolder(path)
        if not path.name.startswith(f"{name}-") or not path.is_dir():
            continue
        try:
            info = folder.info()
        except FolderError:
            passed_over.append(f"'{path}' is skipped: its run.json cannot be read")
            continue
        if not info:
            passed_over.append(f"'{path}' is skipped: it contains no run.json")
            continue
        if info.get("name") != name or info.get("status") in ("finished", "failed"):
            continue
        if folder.recipe_path.is_file() or folder.has_checkpoints():
            unfinished.append((_time(info.get("started", "")), folder))
        else:
            passed_over.append(f"'{path}' is skipped: it contains no recipe.yaml, so training has not started")
    return max(unfinished, key=lambda entry: entry[0], default=(None, None))[1], passed_over


def _time(started: str) -> datetime:
    """Parse a time of run.json; return the earliest possible one if it contains none, for example after a loss."""
    try:
        return datetime.strptime(started, TIME)
    except ValueError:
        return datetime.min.replace(tzinfo=UTC)
