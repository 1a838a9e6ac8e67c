"""Provenance: which code a run's components came from, what of it has changed since, and how to get it back."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from .catalog import Catalog
from .recipe import Part, Recipe
from .requirements import installed

_SHOWN = 12  # digits of a digest in a sentence


def describe_components(recipe: Recipe) -> list[dict[str, Any]]:
    """Return where each component of the recipe comes from, JSON-ready.

    `place` in the recipe, full `id`, `distribution`, `version`; `file` for a plugin that is not installed; `source`,
    the SHA-256 of the Python files of the package that holds it; `requires`, the versions of what else it needs.
    """
    return [{"place": place} | _describe(part) for place, part in recipe.parts()]


def _describe(part: Part) -> dict[str, Any]:
    entry, origin = part.entry, part.entry.origin
    return {
        "id": entry.id,
        "distribution": origin.distribution,
        "version": origin.version,
        **({"file": origin.file} if origin.file else {}),
        "source": source_digest(entry.component.target),
        "requires": installed(entry.component.requires),
    }


@lru_cache(maxsize=256)
def source_digest(target: str) -> str:
    """Return the SHA-256, in hexadecimal, of the Python files of the top-level package that holds the target.

    It covers every file's relative path and bytes, in the order of the paths. Empty where there is no source.
    """
    try:
        spec = find_spec(target.partition(":")[0].partition(".")[0])
    except ValueError:  # a module made in memory, as in a notebook
        return ""
    if spec is None or spec.origin is None or not spec.origin.endswith(".py"):
        return ""
    origin = Path(spec.origin)
    files = sorted(origin.parent.rglob("*.py")) if origin.name == "__init__.py" else [origin]
    digest = hashlib.sha256()
    for file in files:
        content = file.read_bytes()
        digest.update(f"{file.relative_to(origin.parent).as_posix()}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()


def drift(before: Iterable[Mapping[str, Any]], now: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return a sentence for each piece of code that is not what it was, and how to get it back.

    Both are what `describe_components` returns. A package that several components share is told of once.
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
    name, version = before["distribution"], before["version"]
    sentences = []
    if (name, version) != (now["distribution"], now["version"]):
        sentences.append(_changed(name, version, f"{now['distribution']} {now['version']}"))
    elif before.get("source") and before["source"] != now["source"]:
        plugin, file = before["id"].partition("/")[0], before.get("file")
        reinstall = "" if file else f"pip install --force-reinstall '{name}=={version}', or "
        sentences.append(
            f"the source of plugin '{plugin}' ({file or f'{name} {version}'}) has changed: its SHA-256 was "
            f"{before['source'][:_SHOWN]}..., and is {now['source'][:_SHOWN]}... now. "
            f"To get it back: {reinstall}check out the code of that time"
        )
    needed = now.get("requires", {})
    sentences += [
        _changed(library, then, f"{library} {needed[library]}" if library in needed else "not installed")
        for library, then in before.get("requires", {}).items()
        if needed.get(library) != then
    ]
    return sentences


def _changed(name: str, before: str, now: str) -> str:
    found = now.removeprefix(f"{name} ")
    return f"{name} was {before} when the run began, and is {found} now. {bring_back(name, before)}"


def bring_back(name: str, version: str) -> str:
    """Return how to install the version that was."""
    return f"To get it back: pip install '{name}=={version}'"


def absent(components: Iterable[Mapping[str, Any]], catalog: Catalog) -> list[str]:
    """Return a sentence for each plugin that the components of a run came from and that does not work here."""
    statuses = {status.origin.plugin: status for status in catalog.statuses}
    sentences = []
    for component in components:
        plugin = component["id"].partition("/")[0]
        if plugin not in statuses:
            name, version, file = component["distribution"], component["version"], component.get("file")
            sentences.append(
                f"plugin '{plugin}' was loaded from a file: add --plugin-path {file}"
                if file
                else f"plugin '{plugin}' of {name} {version} is not installed: pip install '{name}=={version}'"
            )
        elif not statuses[plugin].works:
            sentences.append(statuses[plugin].line)
    return list(dict.fromkeys(sentences))
