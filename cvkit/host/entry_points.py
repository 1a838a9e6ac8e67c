"""Finds the entry points of installed plugins; a broken distribution does not affect the others."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import Distribution, EntryPoint, distributions
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from ..errors import PluginError
from .component import Origin

GROUP = "cvkit"
CORE = "cvkit-core"
UNKNOWN = "unknown"
_TARGET = re.compile(r"[\w.]+(\s*:\s*[\w.]+)?(\s*\[.*\])?\s*")


@dataclass(frozen=True)
class PluginEntryPoint:
    """An entry point of the group ``cvkit``, and the distribution that installed it, with its requirements."""

    entry_point: EntryPoint
    distribution: Distribution
    origin: Origin
    requirements: tuple[str, ...]

    @property
    def module(self) -> str:
        """The module that declares the plugin; raises `PluginError` if the entry point is malformed."""
        return module_of(self.entry_point)

    @property
    def package(self) -> str:
        """The top-level package or module of `module`."""
        return self.module.partition(".")[0]

    def closed_folder(self) -> Path | None:
        """Return the package folder if this user has no permission to read it; Python would see an empty package."""
        folder = Path(str(self.distribution.locate_file(self.package)))
        try:
            os.listdir(folder)
            (folder / "__init__.py").stat()
        except PermissionError:
            return folder
        except OSError:  # the module is a file, or installed elsewhere
            pass
        return None


def module_of(entry_point: EntryPoint) -> str:
    """Return the module that an entry point names; raise `PluginError` if it is malformed."""
    if not _TARGET.fullmatch(entry_point.value):
        raise PluginError(f"its entry point '{entry_point.value}' does not have the form module or module:object")
    return entry_point.module


def plugin_entry_points() -> Iterator[PluginEntryPoint]:
    """Yield every installed plugin, sorted by name and distribution; a distribution that is found twice counts once.

    ``importlib.metadata.entry_points`` is not used, because it fails if the entry points of any distribution do not
    parse.
    """
    found = [
        PluginEntryPoint(entry_point, distribution, Origin(entry_point.name, *named), requirements)
        for distribution, entry_points in _with_plugins()
        for named, requirements in [(name_and_version(distribution), _requirements(distribution))]  # each is parsed
        for entry_point in entry_points
    ]
    seen: set[tuple[str, str]] = set()
    for one in sorted(found, key=lambda one: (one.origin.plugin, one.origin.distribution)):
        key = (one.origin.plugin, canonical(one.origin.distribution))
        if key not in seen or one.origin.distribution == UNKNOWN:
            seen.add(key)
            yield one


def _with_plugins() -> Iterator[tuple[Distribution, list[EntryPoint]]]:
    for distribution in distributions():
        try:
            # Most distributions have no such group, and parsing their files would dominate the run time.
            if f"[{GROUP}]" in (distribution.read_text("entry_points.txt") or ""):
                yield distribution, [point for point in distribution.entry_points if point.group == GROUP]
        except (ValueError, TypeError, OSError):  # unreadable or malformed
            continue


def _requirements(distribution: Distribution) -> tuple[str, ...]:
    """Return the requirements in a distribution's metadata, or none if they cannot be read."""
    try:
        return tuple(distribution.requires or ())
    except (AttributeError, LookupError, TypeError, ValueError, OSError):
        return ()


def name_and_version(distribution: Distribution) -> tuple[str, str]:
    """Return a distribution's name and version, or ``"unknown"`` if its metadata is missing or unreadable."""
    try:
        metadata = distribution.metadata  # read once, because each access parses the file
        return metadata["Name"] or UNKNOWN, metadata["Version"] or UNKNOWN
    except (AttributeError, LookupError, TypeError, ValueError, OSError):  # for example, half uninstalled
        return UNKNOWN, UNKNOWN


def canonical(name: str) -> str:
    """Return the normalised name of a distribution (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def direct_url(distribution: Distribution) -> dict[str, Any]:
    """Return the direct URL record of a distribution (PEP 610); empty if it was installed from an index."""
    try:
        found = json.loads(distribution.read_text("direct_url.json") or "{}")
    except (ValueError, OSError):
        return {}
    return found if isinstance(found, dict) else {}


def source_folder(distribution: Distribution) -> Path | None:
    """Return the folder that a distribution was installed from, or None if it was not a folder."""
    origin = direct_url(distribution)
    url = str(origin.get("url", ""))
    if not (url.startswith("file:") and isinstance(origin.get("dir_info"), dict)):
        return None
    path = unquote(urlsplit(url).path)
    return Path(path.lstrip("/") if os.name == "nt" else path)


def editable_folder(distribution: Distribution) -> Path | None:
    """Return the folder of an editable installation, or None if the installation is not editable."""
    folder = source_folder(distribution)
    return folder if folder is not None and direct_url(distribution)["dir_info"].get("editable") else None
