"""Reads a project: a folder with a pyproject.toml, the plugins that it declares and their sources."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

from ..errors import PluginError
from .entry_points import GROUP, canonical

FILE = "pyproject.toml"


@dataclass(frozen=True)
class Project:
    """The folder of a project and the content of its pyproject.toml."""

    folder: Path
    settings: Mapping[str, Any]

    @classmethod
    def at(cls, folder: Path) -> Project | None:
        """Return the project in `folder`, or None if it has no readable pyproject.toml."""
        try:
            return cls.read(folder)
        except PluginError:
            return None

    @classmethod
    def read(cls, folder: Path) -> Project:
        """Return the project in `folder`; raise `PluginError` if its pyproject.toml cannot be read."""
        file = folder / FILE
        try:
            text = file.read_text(encoding="utf-8")
            import tomllib  # 5 ms, which only a project needs

            return cls(folder, tomllib.loads(text))
        except (OSError, ValueError) as error:
            raise PluginError(f"could not read '{file}': {getattr(error, 'strerror', None) or error}") from error

    @classmethod
    def around(cls, source: Path) -> Project | None:
        """Return the project of a package folder or module file: in its folder, or one above, as for ``src/``."""
        return cls.at(source.parent) or cls.at(source.parent.parent)

    @property
    def name(self) -> str:
        """The name of the distribution; empty if it is not in this file, for example because it is in setup.py."""
        return str(self._table("project").get("name") or self._table("tool", "poetry").get("name") or "")

    @property
    def plugins(self) -> list[EntryPoint]:
        """The entry points in cvkit's group, sorted by name."""
        declared = {
            **self._table("tool", "poetry", "plugins", GROUP),
            **self._table("project", "entry-points", GROUP),
        }
        return [EntryPoint(name, str(value), GROUP) for name, value in sorted(declared.items())]

    @property
    def own_settings(self) -> Mapping[str, Any]:
        """The table ``[tool.cvkit]``; empty if there is none."""
        return self._table("tool", "cvkit")

    def is_of(self, distribution: str, plugin: EntryPoint) -> bool:
        """Whether this is the project of `distribution`, by its name or, without one, by the plugin it declares."""
        if self.name:
            return canonical(self.name) == canonical(distribution)
        return (plugin.name, plugin.value) in ((one.name, one.value) for one in self.plugins)

    def source(self, module: str) -> Path | None:
        """Return the folder or file of the top-level package of `module` in the sources of this project.

        Searches ``src/``, the project folder and its subfolders.
        """
        top = module.partition(".")[0]
        folders = [self.folder / "src", self.folder, *sorted(self.folder.glob("[!.]*/"))]
        places = [place for folder in folders for place in (folder / top, folder / f"{top}.py")]
        return next((place for place in places if _is_there(place) or _is_there(place / "__init__.py")), None)

    def _table(self, *keys: str) -> Mapping[str, Any]:
        """Return the table with these keys; empty if there is none or it is not a table."""
        found: Any = self.settings
        for key in keys:
            found = found.get(key) if isinstance(found, Mapping) else None
        return found if isinstance(found, Mapping) else {}


def _is_there(path: Path) -> bool:
    """Whether there is a file; also true if permission is denied, because reading it reports that."""
    try:
        return path.is_file()
    except PermissionError:
        return True
