"""The floors of the house: a file imports only from its own floor and from those below, as its syntax tree shows."""

from __future__ import annotations

import ast
import graphlib
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

import cvkit

HOUSE = Path(cvkit.__file__).parent
PLUGINS = HOUSE.parent / "plugins"
FLOORS = {
    "ground": ("errors", "faults", "machine", "component", "files", "printable"),
    "names": (
        "hookspecs",
        "sources",
        "annotations",
        "signature",
        "requirements",
        "registry",
        "catalog",
        "installations",
        "project",
        "copies",
        "at_hand",
        "admission",
        "plugin_file",
        "plugins",
        "recipe",
        "provenance",
        "strict_json",
    ),
    "engine": ("engine",),
    "keeping": (
        "run_files",
        "own_files",
        "locked",
        "kept",
        "mending",
        "unfinished",
        "scratch",
        "output",
        "folder",
        "diagnostics",
        "extension",
        "report",
        "session",
        "explaining",
        "reopened",
    ),
    "roof": ("cli", "scaffold", "testing", "__main__"),
}
LIBRARIES = {
    "ground": set(),
    "names": {"pluggy", "yaml", "pydantic", "packaging"},
    "engine": {"torch", "numpy", "safetensors", "pydantic"},
    "keeping": {"pydantic", "torch", "numpy", "safetensors", "matplotlib", "jinja2", "filelock", "PIL"},
    "roof": {"click", "rich", "platformdirs", "jinja2", "pytest", "torch", "numpy", "pydantic"},
}
FOR_TYPE_CHECKERS = {("hookspecs", "engine.metrics"), ("hookspecs", "engine.trial")}  # where a floor may look up


@dataclass(frozen=True)
class Import:
    """One imported module, by its absolute name; `typing` where only type checkers see it."""

    importer: str
    imported: str
    typing: bool

    def __str__(self) -> str:
        return f"{self.importer} imports {self.imported}"


def modules(folder: Path) -> dict[str, Path]:
    """Every module under the package at `folder`, by its dotted name."""
    return {_dotted(path.relative_to(folder.parent)): path for path in sorted(folder.rglob("*.py"))}


def _dotted(path: Path) -> str:
    return ".".join(path.with_suffix("").parts).removesuffix(".__init__")


def imports(name: str, path: Path) -> Iterator[Import]:
    """Every import of a file, at the top and within functions, relative ones made absolute."""
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    yield from _imports(name, package, ast.parse(path.read_text()), typing=False)


def _imports(name: str, package: str, node: ast.AST, typing: bool) -> Iterator[Import]:
    match node:
        case ast.Import(names=aliases):
            yield from (Import(name, alias.name, typing) for alias in aliases)
        case ast.ImportFrom(module=module, names=aliases, level=level):
            above = ".".join(package.split(".")[: len(package.split(".")) + 1 - level]) if level else ""
            base = ".".join(filter(None, [above, module]))
            for alias in aliases:
                inner = f"{base}.{alias.name}"
                yield Import(name, inner if inner in MODULES else base, typing)
        case ast.If(test=ast.Name(id="TYPE_CHECKING"), body=body, orelse=others):
            for child in body:
                yield from _imports(name, package, child, typing=True)
            for child in others:
                yield from _imports(name, package, child, typing)
        case _:
            for child in ast.iter_child_nodes(node):
                yield from _imports(name, package, child, typing)


MODULES = modules(HOUSE)
IMPORTS = [found for name, path in MODULES.items() for found in imports(name, path)]
FLOOR_OF = {part: number for number, parts in enumerate(FLOORS.values()) for part in parts}


def part(module: str) -> str:
    """The part of the house a module belongs to: ``engine`` of ``cvkit.engine.run``."""
    return module.partition(".")[2].partition(".")[0]


def inner(found: Import) -> bool:
    """Whether both ends of an import are in the house, below its front door, the root package."""
    return bool(part(found.importer)) and found.imported.startswith("cvkit.")


def test_every_file_belongs_to_a_floor():
    """A new part of the house says on which floor it lives; one that is gone is taken off the plan."""
    assert {part(module) for module in MODULES if part(module)} == set(FLOOR_OF)


def test_files_import_only_downwards():
    """Nothing below knows of what is above, neither at the top of a file nor within a function."""
    upward = [
        str(found)
        for found in IMPORTS
        if inner(found) and not found.typing and FLOOR_OF[part(found.imported)] > FLOOR_OF[part(found.importer)]
    ]
    assert upward == []


def test_imports_for_type_checkers_only_are_known():
    """An import that never runs may look up, where this list says so."""
    upward = {
        (found.importer.removeprefix("cvkit."), found.imported.removeprefix("cvkit."))
        for found in IMPORTS
        if inner(found) and found.typing and FLOOR_OF[part(found.imported)] > FLOOR_OF[part(found.importer)]
    }
    assert upward == FOR_TYPE_CHECKERS


def test_imports_never_go_in_circles():
    """Within a floor, too, there is an order in which the files can be read."""
    graph = {module: set() for module in MODULES}
    for found in IMPORTS:
        if inner(found) and not found.typing:
            graph[found.importer].add(found.imported)
    assert len(list(graphlib.TopologicalSorter(graph).static_order())) == len(MODULES)


def test_nothing_inside_imports_the_root_package():
    """The root is the front door, for plugins and users; inside, siblings are imported where they live."""
    assert [str(found) for found in IMPORTS if part(found.importer) and found.imported == "cvkit"] == []


def test_root_imports_only_light_floors_at_once():
    """What the root imports eagerly is what a plugin's declaration needs."""
    eager = {found.imported for found in IMPORTS if found.importer == "cvkit" and not found.typing}
    assert {name for name in eager if name.startswith("cvkit.")} == {
        "cvkit.host.component",
        "cvkit.errors",
        "cvkit.host.hookspecs",
    }


@pytest.mark.parametrize("floor", FLOORS)
def test_floor_needs_only_its_libraries(floor):
    """The ground is the standard library, names need three light packages, torch starts at the engine."""
    used = {
        found.imported.partition(".")[0]
        for found in IMPORTS
        if part(found.importer) in FLOORS[floor] and not found.typing and not found.imported.startswith("cvkit")
    }
    assert used - sys.stdlib_module_names <= LIBRARIES[floor]


PLUGIN_IMPORTS = [
    found
    for folder in sorted(PLUGINS.iterdir())
    if (folder / "__init__.py").exists()
    for name, path in modules(folder).items()
    for found in imports(name, path)
]


def test_plugins_enter_by_the_front_door():
    """A plugin imports the root package only, as a stranger's must: what is behind it may move."""
    assert {found.importer.partition(".")[0] for found in PLUGIN_IMPORTS} >= {"cvkit_resnet", "cvkit_gradcam"}
    assert [str(found) for found in PLUGIN_IMPORTS if found.imported.startswith("cvkit.")] == []


def test_plugins_do_not_know_each_other():
    """Each plugin stands alone: the recipe is where they meet."""
    strangers = [
        str(found)
        for found in PLUGIN_IMPORTS
        if found.imported.startswith("cvkit_")
        and found.imported.partition(".")[0] != found.importer.partition(".")[0]
    ]
    assert strangers == []


def test_declarations_import_only_cvkit():
    """Listing what a plugin offers loads nothing of what it needs; a hook that is called later imports then."""
    declared = {
        found.imported.partition(".")[0]
        for folder in sorted(PLUGINS.iterdir())
        if (folder / "__init__.py").exists()
        for node in ast.parse((folder / "__init__.py").read_text()).body
        if not isinstance(node, ast.FunctionDef)
        for found in _imports(folder.name, folder.name, node, typing=False)
        if not found.typing
    }
    assert declared - sys.stdlib_module_names == {"cvkit"}
