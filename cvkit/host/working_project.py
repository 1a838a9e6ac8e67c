"""The project at hand: the plugins that the pyproject.toml around the working folder asks for.

Like a conftest.py of pytest's, it loads code because of where a command is started. So only the working folder and
the folders of its git repository around it count, never a file of another user's, and never one from within a run
folder, which may come from a stranger. Whoever uses it says which file it was.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from ..errors import PluginError, did_you_mean
from .project import FILE, Project

KEY = "plugin-paths"


@dataclass(frozen=True)
class WorkingProject:
    """The plugins that a project asks for: its pyproject.toml, and the `paths` that this names, made whole.

    `refused`: why the file is not followed, in which case there are no paths; empty otherwise.
    """

    file: Path
    paths: tuple[Path, ...]
    refused: str = ""


def plugins_of_working_project(start: Path, run: Path | None = None) -> WorkingProject | None:
    """Return what the project around the folder `start` asks for, or None where there is none or it asks for nothing.

    Nothing is read from within `run`, the run folder that a command is about. Raises `PluginError` where the table
    ``[tool.cvkit]`` is not as it should be.
    """
    start = start.resolve()
    folder = _project_folder(start)
    if folder is None or _has_run(start, folder) or (run is not None and folder.is_relative_to(run.resolve())):
        return None
    file = folder / FILE
    try:
        if b"cvkit" not in file.read_bytes():
            return None
    except OSError:  # what asks for nothing may be closed to this user, too
        return None
    if not _is_own(file):
        return WorkingProject(file, (), "it belongs to another user")
    try:
        project = Project.read(folder)
    except PluginError as error:
        return WorkingProject(file, (), str(error))
    paths = _paths(project)
    return WorkingProject(file, paths) if paths else None


def _project_folder(start: Path) -> Path | None:
    """Return the folder of the nearest pyproject.toml: here, or above as far as the repository goes."""
    folders = (start, *start.parents)
    top = next((folder for folder in folders if os.path.lexists(folder / ".git")), start)
    return next((folder for folder in folders if folder.is_relative_to(top) and os.path.isfile(folder / FILE)), None)


def _has_run(start: Path, project: Path) -> bool:
    """Whether one of the folders from `start` up to the project's is a run's."""
    folders = [folder for folder in (start, *start.parents) if folder.is_relative_to(project)]
    return any(all(os.path.lexists(folder / name) for name in ("run.json", "recipe.yaml")) for folder in folders)


def _is_own(file: Path) -> bool:
    """Whether the file is this user's or root's; where the system does not say whose it is, it is."""
    return not hasattr(os, "geteuid") or file.stat().st_uid in (os.geteuid(), 0)


def _paths(project: Project) -> tuple[Path, ...]:
    settings, file = project.own_settings, project.folder / FILE
    for key in settings:
        if key != KEY:
            hint = did_you_mean(key, [KEY]) or f"It has one: {KEY}."
            raise PluginError(f"'{file}': [tool.cvkit] has no setting '{key}'. {hint}")
    named = settings.get(KEY, [])
    if not isinstance(named, list) or not all(isinstance(path, str) for path in named):
        raise PluginError(f"'{file}': {KEY} of [tool.cvkit] must be a list of paths, such as [\"my_model.py\"]")
    paths = tuple(project.folder / path for path in named)
    for path, name in zip(paths, named, strict=True):
        if not path.exists():
            raise PluginError(f"'{file}': {KEY} of [tool.cvkit] names '{name}', and there is no '{path}'")
    return paths
