"""Provenance: the code that a run's components came from, what has changed since, and how to restore it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

from ..errors import CvkitError, RunError
from ..host.catalog import Catalog
from ..host.entry_points import direct_url, editable_folder
from ..host.registry import Entry
from ..host.requirements import installed
from ..host.source_code import package_of, source_digest
from ..printable import shell_words
from ..recipe import Recipe, kind_of

_SHOWN = 12  # hexadecimal digits of a digest in a sentence
Records = Sequence[Mapping[str, Any]]
"""The result of `describe_components`, as in run.json."""


def describe_components(recipe: Recipe) -> list[dict[str, Any]]:
    """Return the origin of each component of the recipe as JSON values.

    Each dictionary has `place` in the recipe, the full `id`, `distribution` and `version`. `file` is set for a plugin
    that is not installed, `url` for one that was not installed from a package index, and `sources` if the plugin's
    source folder was imported instead of the installed copy. `source` is the SHA-256 of the Python files of the
    component's package. `requires` contains the versions of its other requirements.
    """
    return _described((place, part.entry) for place, part in recipe.parts())


def describe_current(before: Records, catalog: Catalog) -> list[dict[str, Any]]:
    """Return the same description of the code that is present now, for the components that still exist."""
    found = []
    for component in before:
        try:
            found.append((component["place"], catalog[kind_of(component["place"])].find(component["id"])))
        except (CvkitError, KeyError):  # `missing_plugins` or the check of the recipe reports missing components
            continue
    return _described(found)


def _described(entries: Iterable[tuple[str, Entry]]) -> list[dict[str, Any]]:
    digests: dict[Path, str] = {}  # by package, because most components share one
    return [{"place": place} | _describe(entry, digests) for place, entry in entries]


def _describe(entry: Entry, digests: dict[Path, str]) -> dict[str, Any]:
    origin = entry.origin
    package = package_of(entry.component.target)
    if package is not None and package not in digests:
        digests[package] = source_digest(package)
    where = {"file": origin.file} if origin.file else {"url": url} if (url := _url(origin.distribution)) else {}
    where |= {"sources": origin.sources} if origin.sources else {}
    return {
        "id": entry.id,
        "distribution": origin.distribution,
        "version": origin.version,
        **where,
        "source": "" if package is None else digests[package],
        "requires": installed(entry.component.requires),
    }


def _url(name: str) -> str:
    """Return the installation source of a distribution in pip's form: ``git+https://...@commit``, or a folder."""
    try:
        found = distribution(name)
    except (PackageNotFoundError, ValueError):
        return ""
    origin = direct_url(found)
    vcs = origin.get("vcs_info", {})
    if vcs.get("commit_id"):
        return f"{vcs.get('vcs', 'git')}+{origin['url']}@{vcs['commit_id']}"
    folder = editable_folder(found)
    return str(folder) if folder else str(origin.get("url", ""))


def drift(before: Records, now: Records) -> list[str]:
    """Return a sentence for each piece of code that has changed, with how to restore it.

    A package that several components share is reported once.
    """
    known = {component["id"]: component for component in before}
    sentences = [
        sentence
        for component in now
        if component["id"] in known
        for sentence in _drift(known[component["id"]], component)
    ]
    return list(dict.fromkeys(sentences))


def _drift(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    then, since = _shown(before), _shown(now)
    sentences = []
    if then != since:
        sentences.append(f"the run began with {then}, but {since} is present now. {reinstall_hint(before)}")
    elif before.get("source") and before["source"] != now["source"]:
        plugin, digest = before["id"].partition("/")[0], now["source"][:_SHOWN]
        sentences.append(
            f"the source of plugin '{plugin}' ({then}) has changed: its SHA-256 was {before['source'][:_SHOWN]}... "
            f"and is {f'{digest}...' if digest else 'unknown'} now{_whose(before, now)}. {_back(before, now)}"
        )
    needed = now.get("requires", {})
    sentences += [
        f"{library} was {version} when the run began and is {needed.get(library, 'not installed')} now. "
        + reinstall(library, version)
        for library, version in before.get("requires", {}).items()
        if needed.get(library) != version
    ]
    return sentences


def _whose(before: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """Return which copy of the plugin's code runs now, if it is not the same as before."""
    sources = now.get("sources", "")
    if sources == before.get("sources", ""):
        return ""
    return f", because its sources in '{sources}' run now" if sources else ", because the installed copy runs now"


def _back(before: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    if now.get("sources") and not before.get("sources"):
        return "To restore it: start cvkit in another folder, where Python finds the installed copy"
    return reinstall_hint(before)


def _shown(component: Mapping[str, Any]) -> str:
    return str(component.get("file") or f"{component['distribution']} {component['version']}")


def reinstall_hint(component: Mapping[str, Any]) -> str:
    """Return how to restore the code of a component, as far as it is known."""
    name, version, url = component["distribution"], component["version"], str(component.get("url", ""))
    if file := component.get("file"):
        return f"To restore it: put the earlier code into {file}"
    if sources := component.get("sources"):
        return f"To restore it: put the earlier code into {sources}, and start cvkit where Python finds it first"
    if "+" in url.partition(":")[0]:
        return f"To restore it: pip install --force-reinstall {shell_words(f'{name} @ {url}')}"
    if url:
        return f"To restore it: put the earlier code into {url}, the folder or address that {name} was installed from"
    if name in ("in-process", "unknown"):
        return "Its origin is not known"
    return reinstall(name, version)


def reinstall(name: str, version: str) -> str:
    """Return how to install the earlier version."""
    return f"To restore it: pip install --force-reinstall {shell_words(f'{name}=={version}')}"


def require_plugins(folder: Path, info: Mapping[str, Any], catalog: Catalog, add_file: str) -> None:
    """Raise `RunError` if plugins that a run used are missing; the message says how to install or add them.

    `info` is the content of run.json. `add_file` is how the user adds a plugin's file; ``{}`` stands for the path.
    """
    if gone := missing_plugins(info.get("components", []), catalog, add_file):
        raise RunError(f"could not open '{folder}', because plugins that it used are missing: {'; '.join(gone)}")


def drift_of(info: Mapping[str, Any], catalog: Catalog) -> list[str]:
    """Return a sentence for each component whose code is not the version that the run of `info` started with."""
    components = info.get("components", [])
    return drift(components, describe_current(components, catalog))


def missing_plugins(components: Records, catalog: Catalog, add_file: str) -> list[str]:
    """Return a sentence for each plugin of a run's components that is missing or does not work here."""
    statuses = {status.origin.plugin: status for status in catalog.statuses}
    sentences = []
    for component in components:
        plugin = component["id"].partition("/")[0]
        if plugin not in statuses and component.get("file"):
            remedy = add_file.format(shell_words(component["file"]))
            sentences.append(f"plugin '{plugin}' was loaded from a file: {remedy}")
        elif plugin not in statuses:
            sentences.append(f"plugin '{plugin}' ({_shown(component)}) is not installed. {reinstall_hint(component)}")
        elif not statuses[plugin].works:
            sentences.append(statuses[plugin].line)
    return list(dict.fromkeys(sentences))
