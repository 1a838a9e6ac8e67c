"""What differs between two runs apart from their predictions: recipe, code, data and environment."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..recipe.changes import Change
from ..recipe.dump import in_one_line
from .run_results import RunResults

ABSENT = "absent"
_ORDER = " (order)"
_DIGITS = 12  # hexadecimal digits of a digest in a table


@dataclass(frozen=True)
class Difference:
    """A value that differs between two runs.

    Attributes:
        area: ``recipe``, ``code``, ``data`` or ``environment``.
        what: The path in the recipe, or what the value describes.
        first: The value of the first run, or ``absent``.
        second: The value of the second run, or ``absent``.
    """

    area: str
    what: str
    first: str
    second: str


def differences(first: RunResults, second: RunResults) -> tuple[Difference, ...]:
    """Return what differs between two runs. The names of the runs and where they read their data are left out."""
    found = [
        *_pairs("recipe", recipe_values(first.recipe), recipe_values(second.recipe)),
        *_pairs("code", code_of(first.info), code_of(second.info)),
        *_pairs("data", {"digest": first.data[-_DIGITS:]}, {"digest": second.data[-_DIGITS:]}),
        *_pairs("environment", _environment(first.info), _environment(second.info)),
    ]
    tuned = {_by_name(path, run.recipe) for run in (first, second) for path in run.tuned}
    return tuple(
        Difference(each.area, f"{each.what} (tuned)", each.first, each.second)
        if each.area == "recipe" and each.what in tuned
        else each
        for each in found
        if (each.area, each.what) != ("recipe", "name")
    )


def trained_by(run: RunResults) -> frozenset[tuple[str, str]]:
    """Return what determines the trained model apart from the seed: values of the recipe, code, and data.

    Values that tuners have set are left out, because they follow from the rest and vary with the seed.
    """
    tuned = {_by_name(path, run.recipe) for path in run.tuned}
    values = recipe_values(run.recipe)
    kept = {path: text for path, text in values.items() if path != "seed" and path not in tuned}
    kept = {path: text for path, text in kept.items() if not Change(path, "", "").free}
    return frozenset((kept | code_of(run.info) | {"data": run.data}).items())


def recipe_values(recipe: Mapping[str, Any]) -> dict[str, str]:
    """Return the text of each value of a recipe by path; the entries of a list are named after their components."""
    return dict(_values("", recipe))


def _values(path: str, value: Any) -> Iterator[tuple[str, str]]:
    front = f"{path}." if path else ""
    if isinstance(value, Mapping) and value:
        for key, item in value.items():
            yield from _values(f"{front}{key}", item)
    elif isinstance(value, list) and value and all(_is_part(item) for item in value):
        for name, item in zip(_names(value), value, strict=True):
            rest = {key: option for key, option in item.items() if key != "name"}
            yield f"{front}{name}", item["name"]
            yield from _values(f"{front}{name}", rest) if rest else ()
        if len(value) > 1:
            yield f"{path}{_ORDER}", ", ".join(_names(value))
    else:
        yield path, in_one_line(value)


def _is_part(value: Any) -> bool:
    return isinstance(value, Mapping) and isinstance(value.get("name"), str)


def _names(parts: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the names of components; a repeated one is numbered."""
    names: list[str] = []
    for part in parts:
        count = sum(other.partition(" ")[0] == part["name"] for other in names)
        names.append(f"{part['name']} {count + 1}" if count else part["name"])
    return names


def _by_name(path: str, recipe: Mapping[str, Any]) -> str:
    """Return a path such as ``augmentations.0.size`` as `recipe_values` writes it."""
    keys, value, written = path.split("."), recipe, []
    for key in keys:
        if isinstance(value, list) and key.isdecimal() and int(key) < len(value):
            written.append(_names(value)[int(key)] if all(map(_is_part, value)) else key)
            value = value[int(key)]
        else:
            written.append(key)
            value = value.get(key, {}) if isinstance(value, Mapping) else {}
    return ".".join(written)


def code_of(info: Mapping[str, Any]) -> dict[str, str]:
    """Return the code of each plugin of a run as text: version, commit and the digest of its source.

    The distributions that plugins require are beside them, and may have the names of plugins, as timm does.
    """
    found = {}
    for component in info.get("components", ()):
        plugin = component["id"].partition("/")[0]
        commit = str(component.get("url", "")).rpartition("@")[2] if "+" in str(component.get("url", "")) else ""
        source = component.get("source", "")[:_DIGITS]
        parts = [f"{component['distribution']} {component['version']}", commit and f"commit {commit[:_DIGITS]}"]
        found[f"plugin {plugin}"] = ", ".join(filter(None, [*parts, source and f"source {source}"]))
        found |= {f"requirement {name}": text for name, text in component.get("requires", {}).items()}
    return found


def _environment(info: Mapping[str, Any]) -> dict[str, str]:
    return {key: str(value) for key, value in info.get("environment", {}).items()}


def _pairs(area: str, first: Mapping[str, str], second: Mapping[str, str]) -> Iterator[Difference]:
    """Yield the differing values; of a component that only one run has, only its name and options as one line."""
    alone: list[str] = []
    for path in dict.fromkeys([*first, *second]):
        one, other = first.get(path, ABSENT), second.get(path, ABSENT)
        if one == other or any(path.startswith(f"{owner}.") for owner in alone):
            continue
        if path.endswith(_ORDER) and {*one.split(", ")} != {*other.split(", ")}:
            continue  # the components that only one run has say so already
        if ABSENT in (one, other):
            alone.append(path)
            of = second if one == ABSENT else first
            options = (f"{key.removeprefix(f'{path}.')}: {of[key]}" for key in of if key.startswith(f"{path}."))
            text = ", ".join(options) or of[path]
            one, other = (ABSENT, text) if one == ABSENT else (text, ABSENT)
        yield Difference(area, path, one, other)
