"""``cvkit plugins --why NAME``: explain in a few lines why a plugin is available or not."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import suppress
from importlib.metadata import Distribution, EntryPoint, distributions, packages_distributions
from importlib.util import find_spec
from pathlib import Path

from ..errors import CvkitError, UnknownComponent, did_you_mean
from ..host.catalog import Catalog, PluginStatus
from ..host.discovery import DISABLE
from ..host.entry_points import CORE, GROUP, canonical, direct_url, editable_folder, name_and_version
from ..host.validation import hooks
from ..printable import shell_words
from .info import find_everywhere
from .plugin_commands import names
from .plugin_status import hooks_not_called, no_components
from .traceback_excerpt import own_lines

_MOST_IDS = 8


def diagnose_plugin(catalog: Catalog, name: str) -> list[str]:
    """Return lines that explain why `name` is or is not a working plugin.

    `name` may be a plugin, a distribution, a module, a component, or the path of a project or a module. Raises
    `UnknownComponent`, with a suggestion, if nothing has that name.
    """
    everywhere = list(distributions())
    name = CORE if name == GROUP else name
    return (
        _of_installed(catalog, name, everywhere)
        or _of_component(catalog, name)
        or _of_project(catalog, name, everywhere)
        or _of_module(catalog, name, everywhere)
        or _of_nothing(catalog, name, everywhere)
    )


def _of_installed(catalog: Catalog, name: str, everywhere: list[Distribution]) -> list[str]:
    """Return lines about the installed plugin or distribution `name`, or no lines if there is none."""
    points = [(dist, point) for dist in everywhere for point in _entry_points(dist)]
    own = {(point.name, _name(dist)): point for dist, point in points if point.group == GROUP}
    lines: list[str] = []
    for status in catalog.statuses:
        origin = status.origin
        point = own.get((origin.plugin, origin.distribution))
        module = _top(point) if point else ""
        is_file = origin.file == str(Path(name).resolve())
        if name in (origin.plugin, module) or is_file or canonical(origin.distribution) == canonical(name):
            lines += _of_status(catalog, status, point)
    if lines:
        return lines
    if meant := [found for found in points if _resembles(found[1].group) and name in (found[1].name, _top(found[1]))]:
        return [line for dist in dict.fromkeys(dist for dist, _ in meant) for line in _of_distribution(dist)]
    found = next((dist for dist in everywhere if canonical(_name(dist)) == canonical(name)), None)
    return list(_of_distribution(found)) if found else []


def _of_status(catalog: Catalog, status: PluginStatus, point: EntryPoint | None) -> Iterator[str]:
    origin = status.origin
    named = f"plugin '{origin.plugin}' ({origin})"
    rivals = [s.origin for s in catalog.statuses if s.origin.plugin == origin.plugin and s.origin != origin]
    if status.failure:
        yield f"{named} failed: {status.failure}"
        if status.remedy:
            yield f"  what to do: {status.remedy}"
        yield from (f"  | {line}" for line in own_lines(status.trace))
    elif status.disabled:
        yield f"{named} was not imported, because {status.disabled} disables it"
        taken_out = f"remove '{origin.plugin}' from the environment variable {DISABLE}"
        left_out = f"remove {status.disabled} {origin.plugin}"
        yield f"  to enable it: {taken_out if status.disabled == DISABLE else left_out}"
    elif status.missing:
        yield f"{named} requires packages that are not installed"
        yield from (f"  {sentence}" for sentence in status.missing)
    else:
        yield from _of_working(catalog, status, point)
    for rival in rivals:
        yield f"  {rival} provides a plugin with the same name: uninstall one of the two"


def _of_working(catalog: Catalog, status: PluginStatus, point: EntryPoint | None) -> Iterator[str]:
    origin = status.origin
    source = f"'{point.value}'" if point else f"'{Path(origin.file).name}'"
    yield f"plugin '{origin.plugin}' ({origin}) works; its declaration took {1000 * status.seconds:.1f} ms"
    ids = [f"{entry.kind.singular} {entry.id}" for entry in catalog.entries() if entry.origin == origin]
    ids += [f"command cvkit {name}" for name in names(catalog, origin)]
    if status.unsupported_hooks:
        meant = filter(None, (did_you_mean(name, hooks()) for name in status.unsupported_hooks))
        yield " ".join([f"  {hooks_not_called(status)}. The plugin may need a later version of cvkit.", *meant])
    if status.idle and not status.unsupported_hooks:
        named = ", the module of the entry point" if point else ""
        yield f"  it has no hooks: add @hookimpl functions such as cvkit_models in {source}{named}"
    else:
        rest = f" and {len(ids) - _MOST_IDS} more; see: cvkit list --plugin {origin.plugin}"
        offered = ", ".join(ids[:_MOST_IDS]) + (rest if len(ids) > _MOST_IDS else "")
        yield f"  it provides {offered or no_components(status)}"
    if point and (path := _installed(_top(point))):
        yield f"  its module is '{_top(point)}', at '{path}'"
    if origin.sources:
        yield f"  this is its source folder, which Python finds before the copy that {origin} installed"
    if status.slow or status.heavy:
        took = f"takes {status.seconds:.2g} s" if status.slow else ""
        loads = f"loads {', '.join(status.heavy)}" if status.heavy else ""
        faults = " and ".join(filter(None, [took, loads]))
        yield f"  its declaration {faults}, which slows down every command: remove heavy imports from {source}"


def _of_distribution(dist: Distribution) -> Iterator[str]:
    """Yield lines that explain why an installed distribution has no plugin."""
    named = f"distribution '{_name(dist)}' {name_and_version(dist)[1]}"
    groups = {point.group: point for point in _entry_points(dist)}
    yield f"{named} is installed, but has no entry point in the group '{GROUP}', so cvkit finds no plugin in it"
    for group, point in groups.items():
        if _resembles(group):
            yield f"  its group '{group}' looks misspelt: in pyproject.toml, write"
            yield f"    [project.entry-points.{GROUP}]"
            yield f'    {point.name} = "{point.value}"'
            yield "  and reinstall it"
            return
    yield f"  its groups: {', '.join(sorted(groups))}" if groups else "  it has no entry points"


def _of_component(catalog: Catalog, name: str) -> list[str]:
    """Return lines that say which plugin provides the component `name`, or no lines if there is none."""
    with suppress(CvkitError):
        return [
            f"'{name}' is {entry.kind.article} {entry.kind.singular} from plugin '{entry.origin.plugin}'; "
            f"see: cvkit info {entry.id}"
            for entry in find_everywhere(catalog, name)
        ]
    return []


def _of_project(catalog: Catalog, name: str, everywhere: list[Distribution]) -> list[str]:
    """Return lines about the project folder `name`, or no lines if it is not a folder with a pyproject.toml."""
    folder = Path(name)
    if not (folder / "pyproject.toml").is_file():
        return []
    install = f"pip install -e {_in_shell(folder)}"
    places = (folder.absolute().as_uri(), folder.resolve().as_uri())
    owner = next((dist for dist in everywhere if str(direct_url(dist).get("url")).rstrip("/") in places), None)
    if owner is None:
        return [
            f"'{name}' contains a project that is not installed",
            f"  {install}",
            f"  or load it without installing: --plugin-path {shell_words(name)}",
        ]
    lines = _of_installed(catalog, _name(owner), everywhere)
    if editable_folder(owner) is None:
        lines.append(f"  the installed code is a copy of this folder; to use the folder itself: {install}")
    return lines


def _of_module(catalog: Catalog, name: str, everywhere: list[Distribution]) -> list[str]:
    """Return lines that explain why a module, given by name or path, is not a plugin; no lines if there is none."""
    if name in sys.stdlib_module_names:
        return [f"'{name}' is a module of the Python standard library, not a plugin"]
    path = _beside(name) or _installed(name)
    if path is None:
        return []
    owners = packages_distributions().get(name, [])
    if owner := next((dist for dist in everywhere if _name(dist) in owners or _is_editable(dist, path)), None):
        return _of_installed(catalog, _name(owner), everywhere)
    module = name if name.isidentifier() else path.resolve().stem
    return [
        f"module '{module}' is at '{path}', but is not part of an installed distribution, so cvkit does not find it",
        "  pip install -e .  in the folder of its pyproject.toml, which needs an entry point in the group 'cvkit'",
        f"  or load it without installing: --plugin-path {shell_words(path)}",
    ]


def _beside(name: str) -> Path | None:
    """Return the place of a module given by path, or by its name if it is in the working folder."""
    places = {Path(name, "__init__.py"): Path(name), Path(f"{name}.py"): Path(f"{name}.py")}
    if name.endswith(".py"):
        places[Path(name)] = Path(name)
    return next((place for file, place in places.items() if file.is_file()), None)


def _installed(module: str) -> Path | None:
    """Return the place of an importable module, or None."""
    spec = None
    with suppress(ImportError, ValueError):
        spec = find_spec(module) if module.isidentifier() else None
    if spec is None or spec.origin is None:
        return None
    return Path(spec.origin).parent if spec.submodule_search_locations else Path(spec.origin)


def _is_editable(dist: Distribution, path: Path) -> bool:
    """Whether a distribution is an editable installation of a folder that contains `path` (PEP 610)."""
    home = editable_folder(dist)
    return home is not None and path.resolve().is_relative_to(home.resolve())


def _of_nothing(catalog: Catalog, name: str, everywhere: list[Distribution]) -> list[str]:
    plugins = {status.origin.plugin for status in catalog.statuses}
    known = [*plugins, *(status.origin.distribution for status in catalog.statuses), *map(_name, everywhere)]
    known += [name for registry in catalog.registries.values() for name in registry.names()]
    hint = did_you_mean(name, known) or f"The plugins are: {', '.join(sorted(plugins))}."
    raise UnknownComponent(
        f"no plugin, distribution, module or component named '{name}' is installed in {sys.prefix}. {hint}"
    )


def _in_shell(path: Path) -> str:
    """Return a folder quoted for a shell, in a form that pip does not mistake for a distribution's name."""
    text = str(path)
    return shell_words(text if path.is_absolute() or text.startswith(".") else f"./{text}")


def _name(dist: Distribution) -> str:
    return name_and_version(dist)[0]


def _top(point: EntryPoint) -> str:
    """Return the top-level package in an entry point's value."""
    return point.value.partition(":")[0].partition(".")[0].strip()


def _entry_points(dist: Distribution) -> list[EntryPoint]:
    """Return a distribution's entry points, or none if they do not parse."""
    try:
        return list(dist.entry_points)
    except (ValueError, TypeError, OSError):
        return []


def _resembles(group: str) -> bool:
    """Whether a group of entry points looks like a misspelling of cvkit's, as ``cvkit.plugins`` does."""
    return group != GROUP and (group.lower().startswith(GROUP) or bool(did_you_mean(group, [GROUP])))
