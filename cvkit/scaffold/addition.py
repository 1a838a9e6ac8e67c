"""A component added to a plugin that is there: new files, a hook in its declaration, a section in its README."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import EntryPoint
from pathlib import Path

from ..errors import CvkitError, PluginError, did_you_mean
from ..files.safe_io import write_file
from ..host.entry_points import GROUP, module_of
from ..host.project import FILE, Project
from .declaration import CannotEdit, declares, with_component
from .names import PluginName
from .parts import ScaffoldPart
from .rendering import component, hook, render_part, section

README = "README.md"


@dataclass(frozen=True)
class Home:
    """A plugin in its project: the project's folder, the plugin's names, its package, and the declaration's file."""

    folder: Path
    name: PluginName
    package: Path
    declaration: Path


def find_home(folder: Path, plugin: str = "") -> Home:
    """Return the plugin of the project in `folder`, the one named `plugin` where there are several.

    Raises `CvkitError` where the folder is not a plugin's project, or is one to which no component can be added.
    """
    if not (folder / FILE).is_file():
        raise CvkitError(
            f"'{folder.resolve()}' is not a plugin's project: it has no {FILE}. Go to the folder of one, or make it: "
            "cvkit new-plugin NAME --kind KIND"
        )
    project = Project.read(folder)
    point = _chosen(project, plugin)
    top = module_of(point).partition(".")[0]
    package = project.source(top)
    if package is None or not package.is_dir():
        raise CvkitError(
            f"plugin '{point.name}' is the module '{top}', and a component needs a package, a folder '{top}' with an "
            f"__init__.py, in '{folder.resolve()}'"
        )
    if not project.name:
        raise CvkitError(f"'{folder / FILE}' does not say the project's name: write `name` in [project]")
    inner = package.joinpath(*module_of(point).split(".")[1:])
    declaration = inner / "__init__.py" if inner.is_dir() else inner.with_suffix(".py")
    if point.attr:
        raise CvkitError(
            f"plugin '{point.name}' is the object '{point.attr}' of '{declaration}', and hooks can be added to "
            "modules only: add the component there by hand, as the pages on each kind show"
        )
    return Home(folder, PluginName(point.name, project.name, top), package, declaration)


def _chosen(project: Project, plugin: str) -> EntryPoint:
    points = {point.name: point for point in project.plugins}
    file = project.folder / FILE
    if not points:
        raise CvkitError(f"'{file}' is not of a plugin's project: it has no [project.entry-points.{GROUP}]")
    if plugin and plugin not in points:
        hint = did_you_mean(plugin, points) or f"It declares: {', '.join(points)}."
        raise CvkitError(f"'{file}' declares no plugin '{plugin}'. {hint}")
    if not plugin and len(points) > 1:
        raise CvkitError(f"'{file}' declares several plugins, {', '.join(points)}: choose one with --plugin")
    return points[plugin or next(iter(points))]


def add(home: Home, part: ScaffoldPart) -> tuple[list[Path], list[Path]]:
    """Add a part to a plugin, and return the files that were written and those that were changed.

    Nothing that is there is replaced: raises `CvkitError` where a file of the part exists already, where the
    declaration cannot be edited safely, with what to write in it, or where a file cannot be written. Then nothing is
    changed.
    """
    package = home.package.relative_to(home.folder).as_posix()
    new = {home.folder / place: text for place, text in render_part(home.name, part, package).items()}
    if taken := [str(path) for path in new if path.exists() or path.is_symlink()]:
        raise CvkitError(f"'{taken[0]}' exists already: choose another name for the component with --name")
    changed = {home.declaration: _declared(home, part)}
    readme = home.folder / README
    if readme.is_file():
        changed[readme] = f"{_text(readme).rstrip()}\n{section(home.name, part)}"
    changed = {path: text for path, text in changed.items() if text != _text(path)}
    _write(new, changed)
    return list(new), list(changed)


def _declared(home: Home, part: ScaffoldPart) -> str:
    """Return the declaration with the part in it; as it is where it names the part already."""
    text, name, kind = _text(home.declaration), part.component, part.sample.kind
    try:
        if declares(text, f"{home.name.package}.{part.module}:{part.sample.factory}"):
            return text
        return with_component(text, kind.hook, component(home.name, part), hook(home.name, part))
    except CannotEdit as error:
        raise CvkitError(
            f"'{home.declaration}' cannot be edited safely, as {error}. Add this to it, and call the command again "
            f"for the files of '{name}':\n\n{hook(home.name, part)}"
        ) from None


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise PluginError(f"'{path}' cannot be read: {getattr(error, 'strerror', None) or error}") from error


def _write(new: Mapping[Path, str], changed: Mapping[Path, str]) -> None:
    """Write new files, then the changed ones; where one cannot be written, put back what was there."""
    before = {path: _text(path) for path in changed}
    made: list[Path] = []
    try:
        for path, text in new.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("x", encoding="utf-8", newline="\n") as file:
                made.append(path)
                file.write(text)
        for path, text in changed.items():
            write_file(path, text.encode())
    except OSError as error:
        for path in made:
            path.unlink(missing_ok=True)
        for path, text in before.items():
            with suppress(OSError):
                write_file(path, text.encode())
        raise CvkitError(f"'{error.filename or path}' cannot be written: {error.strerror or error}") from error
