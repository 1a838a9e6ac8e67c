"""The order of the rooms: a file imports only from its own room and from those below, as its syntax tree shows."""

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
ROOMS: dict[str, set[str]] = {
    "errors": set(),
    "error_text": set(),
    "resource_errors": set(),
    "printable": set(),
    "formatting": set(),
    "phases": set(),
    "glibc": set(),
    "allocator": set(),
    "compiler_import": {"torch"},
    "files": {"filelock", "pydantic"},
    "signatures": {"pydantic", "griffe"},
    "kinds": set(),
    "tasks": set(),
    "host": {"pluggy", "packaging"},
    "recipe": {"yaml", "pydantic", "typing_extensions"},
    "seeding": {"torch", "numpy"},
    "step_progress": set(),
    "batch_division": {"torch"},
    "world": {"torch"},
    "protocols": {"torch"},
    "guard": {"torch"},
    "data": {"torch", "numpy", "PIL", "torchvision"},
    "checkpoint": {"torch", "safetensors", "pydantic"},
    "engine": {"torch", "numpy", "scipy"},
    "figures": {"torch", "numpy", "matplotlib", "PIL", "jinja2", "markupsafe"},
    "audit": {"torch"},
    "explain": {"torch", "numpy", "PIL", "pydantic"},
    "diagnostics": {"torch", "numpy", "matplotlib", "scipy"},
    "findings": {"torch"},
    "report": {"torch"},
    "runs": {"torch", "numpy", "pydantic", "platformdirs"},
    "calibrating": {"torch", "numpy", "scipy"},
    "export": {"torch", "numpy", "onnxruntime", "pydantic"},
    "prediction": {"torch", "pyarrow"},
    "evaluation": {"torch"},
    "comparison": {"torch", "numpy", "scipy", "matplotlib"},
    "repeats": {"pydantic", "matplotlib"},
    "searches": {"torch", "pydantic", "matplotlib", "optuna"},
    "api": {"torch", "numpy", "PIL", "rich", "pandas", "IPython"},
    "serving": {"PIL", "starlette", "uvicorn"},
    "starting": {"torch"},
    "doctor": {"torch", "PIL"},
    "speed": {"torch"},
    "scaffold": {"jinja2"},
    "testing": {"pytest", "torch", "numpy", "pydantic"},
    "cli": {"click", "rich", "torch"},
    "__main__": set(),
}
"""The rooms, files and folders of the package, from the ground up, each with the libraries that it may import."""


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
FLOOR_OF = {room: floor for floor, room in enumerate(ROOMS)}


def part(module: str) -> str:
    """The room that a module is in: ``engine`` of ``cvkit.engine.run``."""
    return module.partition(".")[2].partition(".")[0]


def inner(found: Import) -> bool:
    """Whether both ends of an import are below the root package."""
    return bool(part(found.importer)) and found.imported.startswith("cvkit.")


def test_every_file_and_folder_is_a_room():
    """A new one says where it stands; one that is gone is taken off the plan."""
    there = {path.stem for path in HOUSE.iterdir() if path.suffix == ".py" or (path / "__init__.py").is_file()}
    assert there - {"__init__"} == set(ROOMS)


def test_files_import_only_from_their_own_room_and_from_those_below():
    """At the top of a file, within a function and for type checkers alike; so no rooms form a circle."""
    upward = [
        str(found)
        for found in IMPORTS
        if inner(found) and FLOOR_OF[part(found.imported)] > FLOOR_OF[part(found.importer)]
    ]
    assert upward == []


def test_imports_never_go_in_circles():
    """Within a room, too, there is an order in which the files can be read, type checkers' imports included."""
    graph = {module: set() for module in MODULES}
    for found in IMPORTS:
        if inner(found):
            graph[found.importer].add(found.imported)
    assert len(list(graphlib.TopologicalSorter(graph).static_order())) == len(MODULES)


def test_nothing_inside_imports_the_root_package():
    """The root is the front door, for plugins and users; inside, siblings are imported where they live."""
    assert [str(found) for found in IMPORTS if part(found.importer) and found.imported == "cvkit"] == []


def test_root_imports_nothing_at_once():
    """The root's names are imported on first use, so a plugin's declaration loads only what it names."""
    eager = {found.imported for found in IMPORTS if found.importer == "cvkit" and not found.typing}
    assert {name for name in eager if name.startswith("cvkit.")} == set()


@pytest.mark.parametrize("room", ROOMS)
def test_room_needs_only_its_libraries(room):
    """Names need no torch and no numpy; nothing below the figures needs matplotlib."""
    used = {
        found.imported.partition(".")[0]
        for found in IMPORTS
        if part(found.importer) == room and not found.typing and not found.imported.startswith("cvkit")
    }
    assert used - sys.stdlib_module_names <= ROOMS[room]


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
