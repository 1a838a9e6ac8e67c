"""Adds a component to an existing plugin: new files, a hook in its declaration and a section in its README."""

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
    """A plugin in its project.

    Attributes:
        folder: The project folder.
        name: The names of the plugin.
        package: The folder of its package.
        declaration: The file that declares its components.
    """

    folder: Path
    name: PluginName
    package: Path
    declaration: Path


def find_home(folder: Path, plugin: str = "") -> Home:
    """Return the plugin of the project in `folder`, or the one named `plugin` if there are several.

    Raises `CvkitError` if the folder is not a plugin project, or if no component can be added to its plugin.
    """
    if not (folder / FILE).is_file():
        raise CvkitError(
            f"'{folder.resolve()}' is not a plugin project: it has no {FILE}. Change to a plugin project, or create "
            "one: cvkit new-plugin NAME --kind KIND"
        )
    project = Project.read(folder)
    point = _chosen(project, plugin)
    top = module_of(point).partition(".")[0]
    package = project.source(top)
    if package is None or not package.is_dir():
        raise CvkitError(
            f"plugin '{point.name}' is the module '{top}', but components can only be added to a package: create a "
            f"folder '{top}' with an __init__.py in '{folder.resolve()}'"
        )
    if not project.name:
        raise CvkitError(f"'{folder / FILE}' has no project name: add `name` to [project]")
    inner = package.joinpath(*module_of(point).split(".")[1:])
    declaration = inner / "__init__.py" if inner.is_dir() else inner.with_suffix(".py")
    if point.attr:
        raise CvkitError(
            f"plugin '{point.name}' is the object '{point.attr}' in '{declaration}', but hooks can only be added to "
            "modules: add the component by hand, as the tutorial of its kind shows"
        )
    return Home(folder, PluginName(point.name, project.name, top), package, declaration)


def _chosen(project: Project, plugin: str) -> EntryPoint:
    points = {point.name: point for point in project.plugins}
    file = project.folder / FILE
    if not points:
        raise CvkitError(f"'{file}' does not declare a plugin: it has no [project.entry-points.{GROUP}]")
    if plugin and plugin not in points:
        hint = did_you_mean(plugin, points) or f"It declares: {', '.join(points)}."
        raise CvkitError(f"'{file}' declares no plugin '{plugin}'. {hint}")
    if not plugin and len(points) > 1:
        raise CvkitError(f"'{file}' declares several plugins, {', '.join(points)}: choose one with --plugin")
    return points[plugin or next(iter(points))]


def add(home: Home, part: ScaffoldPart) -> tuple[list[Path], list[Path]]:
    """Add a component to a plugin, and return the files that were created and those that were changed.

    Raises `CvkitError`, and changes nothing, if a new file exists already, if a file cannot be written, or if the
    declaration cannot be edited safely; then the message contains the code to add.
    """
    package = home.package.relative_to(home.folder).as_posix()
    new = {home.folder / place: text for place, text in render_part(home.name, part, package).items()}
    if taken := [str(path) for path in new if path.exists() or path.is_symlink()]:
        raise CvkitError(f"'{taken[0]}' already exists: choose another name for the component with --name")
    changed = {home.declaration: _declared(home, part)}
    readme = home.folder / README
    if readme.is_file():
        changed[readme] = f"{_text(readme).rstrip()}\n{section(home.name, part)}"
    changed = {path: text for path, text in changed.items() if text != _text(path)}
    _write(new, changed)
    return list(new), list(changed)


def _declared(home: Home, part: ScaffoldPart) -> str:
    """Return the text of the declaration with the component added, or unchanged if it declares it already."""
    text, name, kind = _text(home.declaration), part.component, part.sample.kind
    try:
        if declares(text, f"{home.name.package}.{part.module}:{part.sample.factory}"):
            return text
        return with_component(text, kind.hook, component(home.name, part), hook(home.name, part))
    except CannotEdit as error:
        raise CvkitError(
            f"could not edit '{home.declaration}' safely: {error}. Add the following code to it, and run the command "
            f"again to create the files of '{name}':\n\n{hook(home.name, part)}"
        ) from None


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise PluginError(f"could not read '{path}': {getattr(error, 'strerror', None) or error}") from error


def _write(new: Mapping[Path, str], changed: Mapping[Path, str]) -> None:
    """Write the new files, then the changed ones; if one cannot be written, restore the earlier state."""
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
        raise CvkitError(f"could not write '{error.filename or path}': {error.strerror or error}") from error
