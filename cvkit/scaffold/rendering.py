"""Renders the files of a new package, and those of a component that is added to one."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from importlib.metadata import version
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from ..host.entry_points import CORE
from .kinds import KindTemplate
from .names import PluginName
from .parts import ScaffoldPart, parts_of

_SUFFIX = ".jinja"


def render(name: PluginName, *samples: KindTemplate) -> dict[str, str]:
    """Return the text of every file of a new package, sorted by its path in the package."""
    parts = parts_of(name, samples)
    files = {}
    for template in _environment().list_templates():
        folder, _, path = template.partition("/")
        if folder == "common":
            path = path.removesuffix(_SUFFIX).replace("PACKAGE", name.package)
            files[path] = _render(template, name, parts[0], parts=parts, **_words(parts))
    for part in parts:
        files |= render_part(name, part, f"src/{name.package}")
    files["README.md"] = _render(f"{samples[0].noun}/README.md.jinja", name, parts[0], page="base/README.md.jinja")
    files["README.md"] += "".join(section(name, part) for part in parts[1:])
    return dict(sorted(files.items()))


def render_part(name: PluginName, part: ScaffoldPart, package: str) -> dict[str, str]:
    """Return the files of one component by their paths in the project; `package` is the package folder."""
    places = {
        "module.py": f"{package}/{part.module}.py",
        "recipe.yaml": part.recipe,
        "test.py": f"tests/{part.tests}.py",
        "test_sample.py": f"tests/{part.tests}_sample.py",
    }
    return {place: _render(f"{part.sample.noun}/{file}{_SUFFIX}", name, part) for file, place in places.items()}


def section(name: PluginName, part: ScaffoldPart) -> str:
    """Return the README section for a component other than the first."""
    return _render(f"{part.sample.noun}/README.md.jinja", name, part, page="base/section.md.jinja")


def hook(name: PluginName, part: ScaffoldPart) -> str:
    """Return the source of the hook that declares a component."""
    return _render("base/hook.py.jinja", name, part)


def component(name: PluginName, part: ScaffoldPart) -> str:
    """Return the statement of a hook that yields a component, indented by four spaces."""
    return _render("base/component.py.jinja", name, part)


def _words(parts: Sequence[ScaffoldPart]) -> dict[str, str]:
    """Return the description of a package: the summary of its component, or the kinds of several."""
    nouns = [f"{part.sample.article} {part.sample.kind.singular}" for part in parts]
    if len(parts) == 1:
        summary = parts[0].sample.summary
        return {"what": summary, "description": f"{summary}: {nouns[0]} for cvkit."}
    return {
        "what": "Components of several kinds",
        "description": f"Components for cvkit: {', '.join(nouns[:-1])} and {nouns[-1]}.",
    }


def _render(template: str, name: PluginName, part: ScaffoldPart, **more: Any) -> str:
    kind, minor = part.sample.kind, ".".join(version(CORE).split(".")[:2])
    known = {"name": name, "part": part, "sample": part.sample, "kind": kind, "cvkit_version": minor}
    return _environment().get_template(template).render(known | more)


@cache
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("cvkit.scaffold"),
        autoescape=False,  # noqa: S701  # the output is Python, TOML, YAML and Markdown, not HTML
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
