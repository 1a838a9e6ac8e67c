"""``cvkit plugins --why NAME``: why a plugin is there, or is not, in a few plain lines."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from contextlib import suppress
from importlib.metadata import Distribution, EntryPoint, distributions, packages_distributions
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

from ..catalog import Catalog, PluginStatus
from ..errors import UnknownComponent, did_you_mean
from ..plugins import CORE, DISABLE, GROUP

_LAST_LINES = 6  # of a traceback
_MOST_IDS = 8


def explain(catalog: Catalog, name: str) -> list[str]:
    """Return the lines that tell why `name`, a plugin, a distribution or a module, is or is not a working plugin.

    Raises `UnknownComponent` where nothing is called so, naming the nearest that is.
    """
    name = CORE if name == GROUP else name
    everywhere = list(distributions())
    points = [(dist, point) for dist in everywhere for point in dist.entry_points]
    modules = {(point.name, _name(dist)): _top(point) for dist, point in points if point.group == GROUP}
    lines: list[str] = []
    for status in catalog.statuses:
        origin = status.origin
        module = modules.get((origin.plugin, origin.distribution), "")
        if name in (origin.plugin, module) or _same(origin.distribution, name):
            lines += _of_status(catalog, status, module)
    if lines:
        return lines
    if meant := [found for found in points if _resembles(found[1].group) and name in (found[1].name, _top(found[1]))]:
        return [line for dist in dict.fromkeys(dist for dist, _ in meant) for line in _of_distribution(dist)]
    if found := [dist for dist in everywhere if _same(_name(dist), name)]:
        return list(_of_distribution(found[0]))
    return _of_module(name, everywhere) or _of_nothing(catalog, name, everywhere)


def _of_status(catalog: Catalog, status: PluginStatus, module: str) -> Iterator[str]:
    origin = status.origin
    named = f"plugin '{origin.plugin}' ({origin})"
    rivals = [s.origin for s in catalog.statuses if s.origin.plugin == origin.plugin and s.origin != origin]
    if status.failure:
        yield f"{named} failed: {status.failure}"
        if status.remedy:
            yield f"  what to do: {status.remedy}"
        own = [line for line in status.trace.splitlines() if "<frozen " not in line]
        yield from (f"  | {line}" for line in own[-_LAST_LINES:])
    elif status.disabled:
        yield f"{named} is disabled by {status.disabled}, so it was not imported"
        remedy = f"take '{origin.plugin}' out of the environment variable {DISABLE}"
        yield f"  to enable it: {remedy if status.disabled == DISABLE else f'leave out {status.disabled}'}"
    elif status.missing:
        yield f"{named} waits for what is not installed"
        yield from (f"  {sentence}" for sentence in status.missing)
    else:
        ids = [f"{entry.kind.singular} {entry.id}" for entry in catalog.entries() if entry.origin == origin]
        yield f"{named} works; its declaration took {1000 * status.seconds:.1f} ms"
        more = f" and {len(ids) - _MOST_IDS} more; see: cvkit list --plugin {origin.plugin}"
        yield f"  it offers {', '.join(ids[:_MOST_IDS]) or 'no components'}{more if len(ids) > _MOST_IDS else ''}"
        if path := _installed(module):
            yield f"  its module is '{module}', at '{path}'"
        if status.heavy:
            yield f"  its declaration loads {', '.join(status.heavy)}, which makes every command wait for that"
    for rival in rivals:
        yield f"  {rival} offers a plugin of that name too: uninstall one of the two"


def _of_distribution(dist: Distribution) -> Iterator[str]:
    """Yield why an installed distribution has no plugin."""
    named = f"distribution '{_name(dist)}' {_metadata(dist, 'Version')}"
    groups = {point.group: point for point in dist.entry_points}
    yield f"{named} is installed, but has no entry point in the group '{GROUP}', so cvkit finds no plugin in it"
    for group, point in groups.items():
        if _resembles(group):
            yield f"  its group '{group}' is misspelt: in pyproject.toml, write"
            yield f"    [project.entry-points.{GROUP}]"
            yield f'    {point.name} = "{point.value}"'
            yield "  and install it again"
            return
    yield f"  its groups: {', '.join(sorted(groups))}" if groups else "  it has no entry points at all"


def _of_module(name: str, everywhere: list[Distribution]) -> list[str]:
    """Return why a module, or a folder of the working folder, is no plugin; nothing where there is none."""
    if name in sys.stdlib_module_names:
        return [f"'{name}' is a module of Python itself, no plugin"]
    project = Path(name)
    if (project / "pyproject.toml").is_file():
        return [f"'{name}' is a folder with a project that is not installed", f"  pip install -e ./{name}"]
    path = _beside(name) or _installed(name)
    if path is None:
        return []
    owners = packages_distributions().get(name, [])
    if owner := next((dist for dist in everywhere if _name(dist) in owners or _is_editable(dist, path)), None):
        return list(_of_distribution(owner))
    return [
        f"module '{name}' is at '{path}', but no installed distribution brings it, so cvkit finds no plugin in it",
        "  pip install -e .  in the folder of its pyproject.toml, which needs an entry point in the group 'cvkit'",
        f"  or load it without installing: --plugin-path {path}",
    ]


def _beside(name: str) -> Path | None:
    """Return a module's place in the working folder, which `cvkit` does not import from."""
    places = {Path(name) / "__init__.py": Path(name), Path(f"{name}.py"): Path(f"{name}.py")}
    return next((place for file, place in places.items() if file.is_file()), None)


def _installed(module: str) -> Path | None:
    """Return the place of a module that can be imported."""
    spec = None
    with suppress(ImportError, ValueError):
        spec = find_spec(module) if module.isidentifier() else None
    if spec is None or spec.origin is None:
        return None
    return Path(spec.origin).parent if spec.submodule_search_locations else Path(spec.origin)


def _is_editable(dist: Distribution, path: Path) -> bool:
    """Whether a distribution was installed from a folder around `path`, as by ``pip install -e`` (PEP 610)."""
    url = json.loads(dist.read_text("direct_url.json") or "{}").get("url", "")
    home = Path(url2pathname(urlsplit(url).path)) if url.startswith("file:") else None
    return home is not None and path.absolute().is_relative_to(home)


def _of_nothing(catalog: Catalog, name: str, everywhere: list[Distribution]) -> list[str]:
    plugins = {status.origin.plugin for status in catalog.statuses}
    known = [*plugins, *(status.origin.distribution for status in catalog.statuses), *map(_name, everywhere)]
    hint = did_you_mean(name, known) or f"The plugins: {', '.join(sorted(plugins))}."
    raise UnknownComponent(
        f"nothing called '{name}' is installed in {sys.prefix}: no plugin, no distribution, no module. {hint}"
    )


def _name(dist: Distribution) -> str:
    return _metadata(dist, "Name")


def _metadata(dist: Distribution, key: str) -> str:
    try:
        return dist.metadata[key] or "unknown"
    except (LookupError, TypeError, OSError):  # half uninstalled
        return "unknown"


def _same(one: str, other: str) -> bool:
    """Whether two names are of one distribution (PEP 503)."""
    return re.sub(r"[-_.]+", "-", one).lower() == re.sub(r"[-_.]+", "-", other).lower()


def _top(point: EntryPoint) -> str:
    return point.module.partition(".")[0]


def _resembles(group: str) -> bool:
    """Whether a group of entry points was perhaps meant to be cvkit's, as ``cvkit.plugins`` is."""
    return group != GROUP and (group.lower().startswith(GROUP) or bool(did_you_mean(group, [GROUP])))
