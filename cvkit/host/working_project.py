"""Finds the plugins that the pyproject.toml of the working folder lists.

Like a conftest.py for pytest, this file loads code depending on where a command is started. Therefore only the
working folder and its parents in the same git repository are searched. Files of other users are ignored, and so are
files in a run folder, which may come from an untrusted source. Callers print which file is used.
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
    """The plugins that a project lists.

    Attributes:
        file: The pyproject.toml.
        paths: The absolute paths of the plugins.
        refused: Why the file is ignored, in which case `paths` is empty; otherwise empty.
    """

    file: Path
    paths: tuple[Path, ...]
    refused: str = ""


def plugins_of_working_project(start: Path, run: Path | None = None) -> WorkingProject | None:
    """Return the plugins that the project of the folder `start` lists, or None if there are none.

    Ignores projects inside `run`, the run folder that a command works on. Raises `PluginError` if the table
    ``[tool.cvkit]`` is not valid.
    """
    start = start.resolve()
    folder = _project_folder(start)
    if folder is None or _has_run(start, folder) or (run is not None and folder.is_relative_to(run.resolve())):
        return None
    file = folder / FILE
    try:
        if b"cvkit" not in file.read_bytes():
            return None
    except OSError:  # an unreadable file is treated like one without plugins
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
    """Return the nearest folder with a pyproject.toml, among `start` and its parents in the same repository."""
    folders = (start, *start.parents)
    top = next((folder for folder in folders if os.path.lexists(folder / ".git")), start)
    return next((folder for folder in folders if folder.is_relative_to(top) and os.path.isfile(folder / FILE)), None)


def _has_run(start: Path, project: Path) -> bool:
    """Whether a folder from `start` up to the project folder is a run folder."""
    folders = [folder for folder in (start, *start.parents) if folder.is_relative_to(project)]
    return any(all(os.path.lexists(folder / name) for name in ("run.json", "recipe.yaml")) for folder in folders)


def _is_own(file: Path) -> bool:
    """Whether the file belongs to this user or root; true on systems without owners."""
    return not hasattr(os, "geteuid") or file.stat().st_uid in (os.geteuid(), 0)


def _paths(project: Project) -> tuple[Path, ...]:
    settings, file = project.own_settings, project.folder / FILE
    for key in settings:
        if key != KEY:
            hint = did_you_mean(key, [KEY]) or f"The only setting is {KEY}."
            raise PluginError(f"'{file}': unknown setting '{key}' in [tool.cvkit]. {hint}")
    named = settings.get(KEY, [])
    if not isinstance(named, list) or not all(isinstance(path, str) for path in named):
        raise PluginError(f"'{file}': {KEY} in [tool.cvkit] must be a list of paths, such as [\"my_model.py\"]")
    paths = tuple(project.folder / path for path in named)
    for path, name in zip(paths, named, strict=True):
        if not path.exists():
            raise PluginError(f"'{file}': {KEY} in [tool.cvkit] lists '{name}', but '{path}' does not exist")
    return paths
