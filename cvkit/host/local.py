"""Loads plugins that are not installed, from a file, a package folder or a project folder."""

from __future__ import annotations

import importlib
import os
import stat
import sys
import traceback
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import EntryPoint
from importlib.util import find_spec
from pathlib import Path

from ..errors import PluginError, one_line
from .component import Origin
from .entry_points import GROUP, PluginEntryPoint, module_of
from .installed_copy import is_own
from .project import FILE, Project


@dataclass(frozen=True)
class LocalPlugin:
    """A plugin to load from `path`, a module file ``NAME.py`` or a package folder.

    `entry_point` has the name and the object of the plugin, from its project's pyproject.toml. Without a project, the
    plugin is the module and has its name.
    """

    path: Path
    entry_point: EntryPoint

    @property
    def plugin(self) -> str:
        """The name of the plugin."""
        return self.entry_point.name

    @property
    def module(self) -> str:
        """The name of the top-level module."""
        return self.path.name.removesuffix(".py")

    @property
    def origin(self) -> Origin:
        """The origin that a run records for the plugin's components."""
        return Origin(self.plugin, "file", "local", str(self.path))

    def replaces(self, installation: PluginEntryPoint) -> bool:
        """Whether an installed plugin is this one: an editable installation of it, or a copy."""
        named = installation.entry_point.name == self.plugin
        return named and (self._is_found(installation.entry_point.module) or is_own(installation, self.path))

    def require_name_free(self, installed: Iterable[PluginEntryPoint]) -> None:
        """Raise `PluginError` if another installed plugin has the same name."""
        for one in installed:
            if not self.replaces(one):
                taken = f"a plugin named '{self.plugin}' is already installed ({one.origin})"
                raise PluginError(f"could not load '{self.path}': {taken}; rename the file")

    def load(self, *, before_installed: bool = False) -> object:
        """Import the plugin and return it.

        Adds its folder to the end of the import path, so that declared targets and processes that load images find
        the module by name. With `before_installed`, adds it to the beginning if an installed copy of the plugin would
        be found first. Raises `PluginError` if another module has the same name, or if the import fails.
        """
        parent = str(self.path.parent)
        before = list(sys.path)
        if not self._is_found(self.module) and (spec := find_spec(self.module)) is not None:
            if not before_installed:
                raise PluginError(
                    f"a module named '{self.module}' already exists at '{spec.origin}'; rename the file"
                )
            sys.path.insert(0, parent)
        elif parent not in sys.path:
            sys.path.append(parent)
        importlib.invalidate_caches()
        try:
            if not self._is_found(self.module):
                raise PluginError(f"another module named '{self.module}' is already imported")
            return self.entry_point.load()
        except (Exception, SystemExit) as error:
            sys.path[:] = before
            raise PluginError(_cause(error, _source(self.path))) from error

    def _is_found(self, module: str) -> bool:
        """Whether importing `module` loads this file."""
        spec = find_spec(module.partition(".")[0])
        if spec is None or spec.origin is None or not Path(spec.origin).exists():
            return False
        return Path(spec.origin).samefile(_source(self.path))


def local_plugins(path: Path) -> list[LocalPlugin]:
    """Return the plugins at `path`: those that a project declares, or the one in a package or module.

    Raises `PluginError` if there is none, or if it cannot be read.
    """
    path = path.parent if path.name in ("__init__.py", FILE) else path
    if _is_file(_source(path)):
        return _of_module(path)
    if _is_file(path / FILE):
        return _of_project(Project.read(path.resolve()))
    places = "a package folder contains an __init__.py, a project folder contains a pyproject.toml"
    hint = places if path.is_dir() else "give a .py file, a package folder or a project folder"
    raise PluginError(f"there is no plugin at '{path}': {hint}")


def _of_module(path: Path) -> list[LocalPlugin]:
    """Return the plugins that its project declares in a module or package, or else the module itself."""
    whole = path.resolve()
    _require_readable(_source(whole))
    module = whole.name.removesuffix(".py")
    if not module.isidentifier() or not (path.is_dir() or whole.suffix == ".py"):
        raise PluginError(f"'{path}' cannot be a plugin: its name must be a valid module name, such as my_model.py")
    project = Project.around(whole)
    declared = [point for point in project.plugins if _top(point) == module] if project else []
    return [LocalPlugin(whole, point) for point in declared or [EntryPoint(module, module, GROUP)]]


def _of_project(project: Project) -> list[LocalPlugin]:
    """Return the plugins that a project declares, with the paths of their packages or modules."""
    file = project.folder / FILE
    if not project.plugins:
        raise PluginError(
            f"'{file}' declares no plugin: add [project.entry-points.{GROUP}] with one line for each plugin"
        )
    found = []
    for point in project.plugins:
        source = project.source(_top(point))
        if source is None:
            raise PluginError(
                f"'{file}' declares plugin '{point.name}' as '{point.value}', but there is no '{_top(point)}' in "
                f"'{project.folder}' or its subfolders"
            )
        _require_readable(_source(source))
        found.append(LocalPlugin(source, point))
    return found


def _top(point: EntryPoint) -> str:
    return module_of(point).partition(".")[0]


def _source(path: Path) -> Path:
    return path / "__init__.py" if path.is_dir() else path


def _is_file(path: Path) -> bool:
    """Whether there is a regular file; raise `PluginError` if permission is denied."""
    try:
        return stat.S_ISREG(path.stat().st_mode)
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as error:
        raise _unreadable(path, error) from error


def _require_readable(file: Path) -> None:
    try:
        os.close(os.open(file, os.O_RDONLY))
    except OSError as error:
        raise _unreadable(file, error) from error


def _unreadable(file: Path, error: OSError) -> PluginError:
    """Return an error with the file, the cause, and the file's owner if known."""
    owned = ""
    with suppress(
        OSError, KeyError, NotImplementedError
    ):  # the folder is not readable either, or the owner has no name
        owned = f"; it belongs to '{file.owner()}'"
    return PluginError(f"could not read the plugin file '{file}': {error.strerror or error}{owned}")


def _cause(error: BaseException, file: Path) -> str:
    """Return the error on one line, with the line that raised it."""
    if isinstance(error, PluginError):
        return str(error)
    if isinstance(error, SyntaxError):
        where = "" if Path(error.filename or "") == file else f" of '{error.filename}'"
        return f"{error.msg}, line {error.lineno}{where}"
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if Path(frame.filename) == file]
    place = f", line {lines[-1]}" if lines else ""
    return f"{type(error).__name__}: {one_line(error)}{place}"
