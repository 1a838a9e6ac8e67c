"""A project: a folder with a pyproject.toml, the plugins that it declares, and where their sources are."""

from __future__ import annotations

import tomllib
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
    """The folder of a project, and what its pyproject.toml says."""

    folder: Path
    settings: Mapping[str, Any]

    @classmethod
    def at(cls, folder: Path) -> Project | None:
        """Return the project whose pyproject.toml is in `folder`, or None where there is none that can be read."""
        try:
            return cls.read(folder)
        except PluginError:
            return None

    @classmethod
    def read(cls, folder: Path) -> Project:
        """Return the project whose pyproject.toml is in `folder`; raise `PluginError` where that cannot be read."""
        file = folder / FILE
        try:
            return cls(folder, tomllib.loads(file.read_text(encoding="utf-8")))
        except (OSError, ValueError) as error:
            raise PluginError(f"'{file}' cannot be read: {getattr(error, 'strerror', None) or error}") from error

    @classmethod
    def around(cls, source: Path) -> Project | None:
        """Return the project of a package's folder or a module's file: beside it, or above a folder as ``src/``."""
        return cls.at(source.parent) or cls.at(source.parent.parent)

    @property
    def name(self) -> str:
        """The distribution's name; empty where it is not written here, as where setup.py says it."""
        return str(self._table("project").get("name") or self._table("tool", "poetry").get("name") or "")

    @property
    def plugins(self) -> list[EntryPoint]:
        """The entry points of cvkit's group, by name."""
        declared = {
            **self._table("tool", "poetry", "plugins", GROUP),
            **self._table("project", "entry-points", GROUP),
        }
        return [EntryPoint(name, str(value), GROUP) for name, value in sorted(declared.items())]

    @property
    def own_settings(self) -> Mapping[str, Any]:
        """The table ``[tool.cvkit]``; empty where there is none."""
        return self._table("tool", "cvkit")

    def is_of(self, distribution: str, plugin: EntryPoint) -> bool:
        """Whether this is the project of `distribution`: by its name, or where it has none, by what it declares."""
        if self.name:
            return canonical(self.name) == canonical(distribution)
        return (plugin.name, plugin.value) in ((one.name, one.value) for one in self.plugins)

    def source(self, module: str) -> Path | None:
        """Return the folder of the top-level package of `module`, or its file, in this project's sources.

        It is looked for in ``src/``, in the folder itself, and in the folders below that.
        """
        top = module.partition(".")[0]
        folders = [self.folder / "src", self.folder, *sorted(self.folder.glob("[!.]*/"))]
        places = [place for folder in folders for place in (folder / top, folder / f"{top}.py")]
        return next((place for place in places if _is_there(place) or _is_there(place / "__init__.py")), None)

    def _table(self, *keys: str) -> Mapping[str, Any]:
        """Return the table at a place of the file; empty where there is none, or something else."""
        found: Any = self.settings
        for key in keys:
            found = found.get(key) if isinstance(found, Mapping) else None
        return found if isinstance(found, Mapping) else {}


def _is_there(path: Path) -> bool:
    """Whether there is a file; where this user may not look, reading it will say so."""
    try:
        return path.is_file()
    except PermissionError:
        return True
