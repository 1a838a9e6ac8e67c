"""Which copy of an installed plugin's code Python imports: what was installed, its own sources, or neither."""

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
    """The code that is imported in place of the installed: a package's folder, or a module's file.

    `own`: whether these are sources of the plugin itself, as where a project is installed and then tested in its own
    folder, and not another file of that name.
    """

    place: Path
    own: bool


def other_copy(installation: PluginEntryPoint) -> InstalledCopy | None:
    """Return what is imported in place of the installed plugin, or None where that is what was installed.

    The installed code lies beside its metadata; for an editable installation, in the folder that it was made from.
    None too where nothing can be told: the import says what is wrong.
    """
    try:
        found = _found(installation)
        return None if found is None else InstalledCopy(found, is_own(installation, found))
    except (PluginError, ImportError, ValueError, OSError):
        return None


def _found(installation: PluginEntryPoint) -> Path | None:
    """Return the package's folder or the module's file that is imported, or None where it is the installed one."""
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
    """Whether the package's folder or the module's file at `place` are sources of an installed plugin.

    They are where it was installed from; or in the project of that distribution; or they hold the same files. What
    another distribution has installed is not, whatever is in it.
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
    """Whether a distribution of another name has installed `place`, as its list of files beside it says."""
    name = canonical(name_and_version(distribution)[0])
    file = f"{place.name}/__init__.py," if place.is_dir() else f"{place.name},"
    return any(
        canonical(name_and_version(other)[0]) != name
        for other in distributions(path=[str(place.parent)])
        if any(line.startswith(file) for line in (other.read_text("RECORD") or "").splitlines())
    )


def _installed(distribution: Distribution, package: str) -> Path | None:
    """Return the file of the package, or module, that was installed beside the distribution's metadata."""
    for own in (f"{package}/__init__.py", f"{package}.py"):
        path = Path(str(distribution.locate_file(own)))
        if path.exists():
            return path
    return None


def _same_files(installed: Path | None, place: Path) -> bool:
    """Whether `place` has every Python file of the installed package; of a single file, the same text."""
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
