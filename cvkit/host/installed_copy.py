"""Finds out which copy of an installed plugin Python imports: the installed one, its sources or another file."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import Distribution, distributions
from importlib.util import find_spec
from pathlib import Path

from ..errors import PluginError
from .entry_points import PluginEntryPoint, canonical, editable_folder, name_and_version, source_folder
from .project import Project


@dataclass(frozen=True)
class InstalledCopy:
    """The package folder or module file that Python imports instead of the installed code.

    `own` is true for the plugin's own sources, for example if a project is installed and then tested in its folder.
    It is false for an unrelated file with the same name.
    """

    place: Path
    own: bool


def other_copy(installation: PluginEntryPoint) -> InstalledCopy | None:
    """Return the code that Python imports instead of the installed plugin, or None if it imports the installed one.

    The installed code is next to its metadata, or in the source folder of an editable installation. Also returns None
    if this cannot be determined; importing the plugin then reports the problem.
    """
    try:
        found = _found(installation)
        return None if found is None else InstalledCopy(found, is_own(installation, found))
    except (PluginError, ImportError, ValueError, OSError):
        return None


def _found(installation: PluginEntryPoint) -> Path | None:
    """Return the package folder or module file that Python imports, or None if it is the installed one."""
    spec = find_spec(installation.package)
    if spec is None or spec.origin is None:
        return None
    found = Path(spec.origin)
    if (installed := _installed(installation.distribution, installation.package)) is not None:
        if installed.parent.samefile(found.parent):
            return None
    else:
        folder = editable_folder(installation.distribution)
        if folder is None or not folder.exists() or _within(found, folder):
            return None
    return found.parent if found.name == "__init__.py" else found


def is_own(installation: PluginEntryPoint, place: Path) -> bool:
    """Whether the package folder or module file at `place` contains the sources of an installed plugin.

    It does if the plugin was installed from there, if it is in a project with the name of the distribution, or if it
    has the same files. Files that another distribution installed never count.
    """
    distribution, package = installation.distribution, installation.package
    if _of_another(distribution, place):
        return False
    folder = source_folder(distribution)
    if folder is not None and _within(place, folder):
        return True
    if (project := Project.around(place)) is not None:
        return project.is_of(installation.origin.distribution, installation.entry_point)
    return _same_files(_installed(distribution, package), place)


def _of_another(distribution: Distribution, place: Path) -> bool:
    """Whether the file list of another distribution contains `place`."""
    name = canonical(name_and_version(distribution)[0])
    file = f"{place.name}/__init__.py," if place.is_dir() else f"{place.name},"
    return any(
        canonical(name_and_version(other)[0]) != name
        for other in distributions(path=[str(place.parent)])
        if any(line.startswith(file) for line in (other.read_text("RECORD") or "").splitlines())
    )


def _installed(distribution: Distribution, package: str) -> Path | None:
    """Return the file of the package or module that was installed next to the distribution's metadata."""
    for own in (f"{package}/__init__.py", f"{package}.py"):
        path = Path(str(distribution.locate_file(own)))
        if path.exists():
            return path
    return None


def _same_files(installed: Path | None, place: Path) -> bool:
    """Whether `place` has every Python file of the installed package; a single file must have the same text."""
    if installed is None:
        return False
    if not place.is_dir() or installed.name != "__init__.py":
        return place.is_file() and installed.read_bytes() == place.read_bytes()
    there, here = _python_files(installed.parent), _python_files(place)
    if len(there) == 1:
        return installed.read_bytes() == (place / installed.name).read_bytes()
    return there <= here


def _python_files(package: Path) -> set[str]:
    return {file.relative_to(package).as_posix() for file in package.rglob("*.py")}


def _within(path: Path, folder: Path) -> bool:
    return path.resolve().is_relative_to(folder.resolve())
