"""Commands that train nothing answer at once: in a fresh interpreter they load nothing heavy."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

RECIPES = Path(__file__).parents[2] / "recipes"
BAD = "dataset: shapes\nmodel: {name: custom_resnet, widht: 8}\noptimizer: sgd\naugmentations: [kornia/ColorJitter]\n"
DRIVER = """
import sys
from cvkit.cli import main
try:
    main()
finally:
    print("\\nloaded", *(name for name in sys.modules if "." not in name))
"""


def modules_of(*command: str) -> set[str]:
    """The top-level modules that a command of cvkit has loaded by its end."""
    done = subprocess.run([sys.executable, "-c", DRIVER, *command], capture_output=True, text=True)
    assert "Traceback" not in done.stderr
    return set(done.stdout.splitlines()[-1].split())


@pytest.fixture
def bad_recipe(tmp_path) -> str:
    path = tmp_path / "bad.yaml"
    path.write_text(BAD)
    return str(path)


def assert_light(modules: set[str]) -> None:
    assert "cvkit" in modules
    assert modules & {"torch", "numpy", "torchvision", "timm", "kornia", "matplotlib"} == set()


def added_by(statement: str) -> set[str]:
    """All modules that a statement loads into a bare interpreter."""
    code = f"import sys; before = set(sys.modules); {statement}; print(*(set(sys.modules) - before))"
    return set(
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    )


def test_import_cvkit_loads_nothing_else():
    """Every name is imported on first use: `import cvkit` costs one file."""
    assert added_by("import cvkit") <= {"cvkit", "__future__"}


def test_declaration_loads_pluggy_and_the_standard_library():
    """What a plugin's declaration needs, in each process that looks for plugins."""
    added = added_by("from cvkit import Component, hookimpl")
    assert {name for name in added if name.startswith("cvkit")} == {
        "cvkit",
        "cvkit.host",
        "cvkit.host.component",
        "cvkit.host.markers",
    }
    roots = {name.partition(".")[0] for name in added} - {"cvkit", "pluggy", "org"}  # `copy` asks for Jython's org
    assert roots <= sys.stdlib_module_names
    heavy = {"pathlib", "difflib", "email", "importlib.metadata", "json", "logging", "asyncio", "unittest"}
    assert added & heavy == set()
    assert len(added) < 80  # 60 with Python 3.11 and pluggy 1.7


@pytest.mark.parametrize("command", [["--help"], ["--version"], ["list"], ["list", "models", "--json"], ["plugins"]])
def test_command_is_light(command):
    """Help, lists and plugins load neither torch nor numpy, nor anything that is built on them."""
    assert_light(modules_of(*command))


@pytest.mark.parametrize("command", [["list"], ["list", "--json"], ["plugins"]])
def test_listing_loads_no_more_than_it_needs(command):
    """A list checks no recipe and draws no table in a pipe: this is what keeps it under 0.2 s."""
    assert modules_of(*command) & {"pydantic", "yaml", "rich", "platformdirs"} == set()


@pytest.mark.parametrize("name", ["custom_resnet", "kornia/ColorJitter", "timm/resnet18", "no_such_thing"])
def test_info_is_light(name):
    """A component is described from its source."""
    assert_light(modules_of("info", name))


@pytest.mark.parametrize("recipe", sorted(RECIPES.glob("*.yaml")), ids=lambda path: path.stem)
def test_check_of_a_good_recipe_is_light(recipe):
    """Checking reads signatures, not modules."""
    assert_light(modules_of("check", str(recipe)))


def test_check_of_a_bad_recipe_is_light(bad_recipe):
    """cvkit reports a mistake before anything heavy loads, also in the commands that would train."""
    for command in ("check", "run", "preview"):
        assert_light(modules_of(command, bad_recipe))


def test_training_and_predicting_do_not_load_torchvision():
    """Only its plugin does: it takes as long to import as torch, and loads torch's compiler."""
    added = added_by("import cvkit.runs.execute, cvkit.prediction, cvkit.prediction.opened, cvkit.serving.answers")
    assert "torch" in added
    assert {name for name in added if name.startswith(("torchvision", "torch._dynamo", "sympy"))} == set()
