"""A plugin that is not installed: a file, a package's folder or a project's, named on the command line."""

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
    """A plugin to be loaded from `path`, a module's file ``NAME.py`` or a package's folder.

    `entry_point` says what the plugin is called and which object it is, as its project does in pyproject.toml; else
    it is the module, by its own name.
    """

    path: Path
    entry_point: EntryPoint

    @property
    def plugin(self) -> str:
        """The plugin's name."""
        return self.entry_point.name

    @property
    def module(self) -> str:
        """The top-level module."""
        return self.path.name.removesuffix(".py")

    @property
    def origin(self) -> Origin:
        """What a run records of where its components came from."""
        return Origin(self.plugin, "file", "local", str(self.path))

    def replaces(self, installation: PluginEntryPoint) -> bool:
        """Whether an installed plugin is this one: this very package, as in an editable installation, or a copy."""
        named = installation.entry_point.name == self.plugin
        return named and (self._is_found(installation.entry_point.module) or is_own(installation, self.path))

    def require_name_free(self, installed: Iterable[PluginEntryPoint]) -> None:
        """Raise `PluginError` where an installed plugin other than this one has its name."""
        for one in installed:
            if not self.replaces(one):
                taken = f"a plugin named '{self.plugin}' is installed already ({one.origin})"
                raise PluginError(f"'{self.path}' cannot be loaded: {taken}; rename the file")

    def load(self, *, before_installed: bool = False) -> object:
        """Import the plugin and return it.

        Its folder is added to the end of the import path, so that the targets it declares, and the processes that
        load images, find it by its name; to its beginning with `before_installed`, where an installed copy of the
        same plugin would be found first. Raises `PluginError` where another module of that name is there already, or
        where importing it fails.
        """
        parent = str(self.path.parent)
        before = list(sys.path)
        if not self._is_found(self.module) and (spec := find_spec(self.module)) is not None:
            if not before_installed:
                raise PluginError(f"a module '{self.module}' is there already, at '{spec.origin}'; rename the file")
            sys.path.insert(0, parent)
        elif parent not in sys.path:
            sys.path.append(parent)
        importlib.invalidate_caches()
        try:
            if not self._is_found(self.module):
                raise PluginError(f"a module '{self.module}' has been imported already, from another place")
            return self.entry_point.load()
        except (Exception, SystemExit) as error:
            sys.path[:] = before
            raise PluginError(_cause(error, _source(self.path))) from error

    def _is_found(self, module: str) -> bool:
        """Whether importing `module` gives this file."""
        spec = find_spec(module.partition(".")[0])
        if spec is None or spec.origin is None or not Path(spec.origin).exists():
            return False
        return Path(spec.origin).samefile(_source(self.path))


def local_plugins(path: Path) -> list[LocalPlugin]:
    """Return the plugins at `path`: those that a project's folder declares, or the one of a package or a module.

    Raises `PluginError` where there is none, or where it cannot be read.
    """
    path = path.parent if path.name in ("__init__.py", FILE) else path
    if _is_file(_source(path)):
        return _of_module(path)
    if _is_file(path / FILE):
        return _of_project(Project.read(path.resolve()))
    places = "a package's folder holds an __init__.py, a project's a pyproject.toml"
    hint = places if path.is_dir() else "name a .py file, a package's folder or a project's"
    raise PluginError(f"there is no plugin at '{path}': {hint}")


def _of_module(path: Path) -> list[LocalPlugin]:
    """Return the plugins that the project around a module or package declares in it; else the module itself."""
    whole = path.resolve()
    _require_readable(_source(whole))
    module = whole.name.removesuffix(".py")
    if not module.isidentifier() or not (path.is_dir() or whole.suffix == ".py"):
        raise PluginError(f"'{path}' cannot be a plugin: its name must be that of a module, such as my_model.py")
    project = Project.around(whole)
    declared = [point for point in project.plugins if _top(point) == module] if project else []
    return [LocalPlugin(whole, point) for point in declared or [EntryPoint(module, module, GROUP)]]


def _of_project(project: Project) -> list[LocalPlugin]:
    """Return the plugins that a project declares, each with the package or module of its sources."""
    file = project.folder / FILE
    if not project.plugins:
        raise PluginError(
            f"'{file}' declares no plugin: write [project.entry-points.{GROUP}], and in it a line a plugin"
        )
    found = []
    for point in project.plugins:
        source = project.source(_top(point))
        if source is None:
            raise PluginError(
                f"'{file}' says that plugin '{point.name}' is '{point.value}', and there is no '{_top(point)}' in "
                f"'{project.folder}' or a folder below it"
            )
        _require_readable(_source(source))
        found.append(LocalPlugin(source, point))
    return found


def _top(point: EntryPoint) -> str:
    return module_of(point).partition(".")[0]


def _source(path: Path) -> Path:
    return path / "__init__.py" if path.is_dir() else path


def _is_file(path: Path) -> bool:
    """Whether there is a regular file; raise `PluginError` where this user may not look."""
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
    """Return the error that names the file, the cause, and where that is known its owner."""
    owned = ""
    with suppress(OSError, KeyError, NotImplementedError):  # its folder is closed too, or the owner has no name
        owned = f"; it belongs to '{file.owner()}'"
    return PluginError(f"the plugin's file '{file}' cannot be read: {error.strerror or error}{owned}")


def _cause(error: BaseException, file: Path) -> str:
    """Return the error in one line, with the place it came from."""
    if isinstance(error, PluginError):
        return str(error)
    if isinstance(error, SyntaxError):
        where = "" if Path(error.filename or "") == file else f" of '{error.filename}'"
        return f"{error.msg}, line {error.lineno}{where}"
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if Path(frame.filename) == file]
    place = f", line {lines[-1]}" if lines else ""
    return f"{type(error).__name__}: {one_line(error)}{place}"
