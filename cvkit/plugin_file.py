"""A plugin that is not installed: a file, or a package's folder, named on the command line."""

from __future__ import annotations

import importlib
import sys
import tomllib
import traceback
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

from .component import Origin
from .errors import PluginError, one_line
from .installations import GROUP, Installation


@dataclass(frozen=True)
class PluginFile:
    """A module to be loaded from `path`, ``NAME.py`` or a package's folder, as the plugin `plugin`.

    The plugin is called as the project around the package calls it, in its pyproject.toml; else as the module.
    """

    path: Path
    module: str
    plugin: str

    @classmethod
    def at(cls, path: Path) -> PluginFile:
        """Describe the plugin at `path`; raise `PluginError` where there is none."""
        if path.name == "__init__.py":
            path = path.parent
        if not _source(path).is_file():
            folder = "a package's folder holds an __init__.py"
            hint = folder if path.is_dir() else "name a .py file or a package's folder"
            raise PluginError(f"there is no plugin at '{path}': {hint}")
        whole = path.resolve()
        module = whole.name.removesuffix(".py")
        if not module.isidentifier() or not (path.is_dir() or whole.suffix == ".py"):
            raise PluginError(f"'{path}' cannot be a plugin: its name must be that of a module, such as my_model.py")
        return cls(whole, module, _name_in_project(whole.parent, module) or module)

    @property
    def origin(self) -> Origin:
        """What a run records of where its components came from."""
        return Origin(self.plugin, "file", "local", str(self.path))

    def stands_in_for(self, installation: Installation) -> bool:
        """Whether an installed plugin, as in an editable installation, is this very package."""
        return installation.entry_point.name == self.plugin and self._is(installation.entry_point.module)

    def require_name_free(self, installed: Iterable[Installation]) -> None:
        """Raise `PluginError` where an installed plugin other than this one has its name."""
        for one in installed:
            if not self.stands_in_for(one):
                taken = f"a plugin named '{self.plugin}' is installed already ({one.origin})"
                raise PluginError(f"'{self.path}' cannot be loaded: {taken}; rename the file")

    def load(self) -> ModuleType:
        """Import the module and return it.

        Its folder is added to the end of the import path, so that the targets it declares, and the processes that
        load images, find it by its name. Raises `PluginError` where a module of that name is there already, or where
        importing it fails.
        """
        spec = find_spec(self.module)
        if spec is not None and not self._is(self.module):
            raise PluginError(f"a module '{self.module}' is there already, at '{spec.origin}'; rename the file")
        parent = str(self.path.parent)
        before = list(sys.path)
        if parent not in sys.path:
            sys.path.append(parent)
        importlib.invalidate_caches()
        try:
            return importlib.import_module(self.module)
        except (Exception, SystemExit) as error:
            sys.path[:] = before
            raise PluginError(_cause(error, _source(self.path))) from error

    def _is(self, module: str) -> bool:
        """Whether importing `module` gives this file."""
        spec = find_spec(module.partition(".")[0])
        if spec is None or spec.origin is None or not Path(spec.origin).exists():
            return False
        return Path(spec.origin).samefile(_source(self.path))


def _source(path: Path) -> Path:
    return path / "__init__.py" if path.is_dir() else path


def _name_in_project(folder: Path, module: str) -> str:
    """Return the plugin's name by the pyproject.toml of `folder` or the one above, or an empty string."""
    for project in (folder / "pyproject.toml", folder.parent / "pyproject.toml"):
        try:
            settings = tomllib.loads(project.read_text(encoding="utf-8"))
            names = settings["project"]["entry-points"][GROUP]
            return next((name for name, target in names.items() if target.partition(":")[0] == module), "")
        except (OSError, ValueError, LookupError, AttributeError, TypeError):
            continue
    return ""


def _cause(error: BaseException, file: Path) -> str:
    """Return the error in one line, with the place it came from."""
    if isinstance(error, SyntaxError):
        where = "" if Path(error.filename or "") == file else f" of '{error.filename}'"
        return f"{error.msg}, line {error.lineno}{where}"
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if Path(frame.filename) == file]
    place = f", line {lines[-1]}" if lines else ""
    return f"{type(error).__name__}: {one_line(error)}{place}"
