"""New packages as a stranger has them: installed together into an environment, listed, run, tested, linted, typed."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys

import pytest

from cvkit.scaffold.names import LONGEST, read_name
from cvkit.scaffold.package import render, write
from cvkit.scaffold.samples import SAMPLES

RUN_EACH = """
import sys
from cvkit.cli import main

recipes = sys.argv[1:]
for recipe in recipes:
    print("recipe", recipe, flush=True)
    sys.argv = ["cvkit", "run", recipe]
    try:
        main()
    except SystemExit as ended:
        if ended.code:
            raise
"""


def need(tool: str) -> None:
    """Skip the test where a development tool is not installed."""
    if importlib.util.find_spec(tool) is None:
        pytest.skip(f"{tool} is not installed; it is in the extra 'dev'")


def test_environment_shares_torch(environment):
    """There is no second torch: a throw-away environment costs a second."""
    where = environment.run("-c", "import importlib.util as u; print(u.find_spec('torch').origin)")
    assert where.strip() == importlib.util.find_spec("torch").origin


def test_every_component_is_listed(environment):
    """By full id, from its own distribution, with its summary."""
    listed = {row["id"]: row for row in json.loads(environment.run("-m", "cvkit", "list", "--json"))}
    for noun, sample in SAMPLES.items():
        row = listed[f"acme_{noun}/acme_{noun}"]
        assert row["kind"] == sample.kind.name
        assert row["distribution"] == f"cvkit-acme-{noun}"
        assert row["summary"] == sample.summary


def test_every_declaration_is_light(environment):
    """Listing loads nothing that a plugin is made with."""
    code = "import sys, cvkit; cvkit.discover(); print(*sys.modules)"
    loaded = set(environment.run("-c", code).split())
    assert {"cvkit_acme_model", "cvkit_acme_tuner"} <= loaded
    assert loaded & {"torch", "numpy", "pydantic", "cvkit_acme_model.model", "cvkit_acme_tuner.tuner"} == set()


def test_every_recipe_runs(environment, packages, tmp_path):
    """As it is written, to a report; one process carries them all out, as torch takes seconds to load."""
    said = environment.run("-c", RUN_EACH, *(package / "recipe.yaml" for package in packages.values()), cwd=tmp_path)
    assert "could not explain" not in said
    assert len(list(tmp_path.glob("runs/*/report.html"))) == len(packages)


def test_every_package_passes_its_tests(environment, packages):
    """Every check of every suite is made, and none is skipped."""
    said = environment.run("-m", "pytest", *(package / "tests" for package in packages.values()))
    for noun, sample in SAMPLES.items():
        assert f"TestAcme{noun.capitalize()}: " in said, sample
    assert "skipped" not in said


@pytest.mark.parametrize("plugin", ["a", "acme_net", "n" * LONGEST])
def test_packages_are_formatted_and_lint_clean(tmp_path, plugin):
    """By ruff's own defaults, whatever the length of the name."""
    need("ruff")
    name = read_name(plugin)
    for sample in SAMPLES.values():
        write(render(name, sample), tmp_path / sample.noun)
    for command in (["format", "--check"], ["check"], ["check", "--select", "E501", "--line-length", "88"]):
        done = subprocess.run(
            [sys.executable, "-m", "ruff", *command, "--no-cache", "."], cwd=tmp_path, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stdout + done.stderr


def test_packages_are_typed(packages, tmp_path, request):
    """A strict type checker finds nothing in them, with cvkit's own types."""
    need("mypy")
    cache = request.config.cache.mkdir("mypy_of_new_plugins")
    modules = [package / f"cvkit_acme_{noun}" for noun, package in packages.items()]
    command = [sys.executable, "-m", "mypy", "--strict", "--config-file=", f"--cache-dir={cache}", *modules]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
