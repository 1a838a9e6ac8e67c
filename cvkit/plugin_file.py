"""A plugin that is not installed: a file, or a package's folder, named on the command line."""

from __future__ import annotations

import importlib
import sys
import traceback
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

from .component import Origin
from .errors import PluginError


def load_file(path: Path) -> tuple[Origin, ModuleType]:
    """Import the module at `path`, ``NAME.py`` or a package's folder, as the plugin ``NAME``.

    Its folder is added to the end of the import path, so that the targets it declares, and the processes that load
    images, find it by that name. Raises `PluginError` where there is no such file, where its name is taken, or where
    importing it fails.
    """
    file = path / "__init__.py" if path.is_dir() else path
    if not file.is_file():
        hint = "a package's folder holds an __init__.py" if path.is_dir() else "name a .py file or a package's folder"
        raise PluginError(f"there is no plugin at '{path}': {hint}")
    name = path.absolute().name.removesuffix(".py")
    if not name.isidentifier() or not (path.is_dir() or file.suffix == ".py"):
        raise PluginError(f"'{path}' cannot be a plugin: its name must be that of a module, such as my_model.py")
    _require_free(name, file)
    parent = str(path.absolute().parent)
    if parent not in sys.path:
        sys.path.append(parent)
    importlib.invalidate_caches()
    try:
        module = importlib.import_module(name)
    except (Exception, SystemExit) as error:
        raise PluginError(f"plugin '{path}' cannot be imported: {_cause(error, file)}") from error
    return Origin(name, "file", "local", str(path.absolute())), module


def _require_free(name: str, file: Path) -> None:
    spec = find_spec(name)
    if spec is not None and not (spec.origin and Path(spec.origin).exists() and file.samefile(spec.origin)):
        raise PluginError(f"'{file}' cannot be loaded: a module '{name}' is installed already; rename the file")


def _cause(error: BaseException, file: Path) -> str:
    """Return the error in one line, with the place in `file` that it came from."""
    lines = [f.lineno for f in traceback.extract_tb(error.__traceback__) if Path(f.filename) == file.absolute()]
    if isinstance(error, SyntaxError):
        return f"{error.msg}, line {error.lineno}"
    place = f", line {lines[-1]}" if lines else ""
    return " ".join(f"{type(error).__name__}: {error}{place}".split())
