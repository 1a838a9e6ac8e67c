"""New packages as a stranger has them: installed together into an environment, listed, run, tested."""

from __future__ import annotations

import csv
import importlib.util
import json
import shutil
from pathlib import Path

import yaml

from cvkit.scaffold.kinds import KIND_TEMPLATES

SHARED = Path(__file__).parents[1] / "shared"
RUN_EACH = """
import sys
from cvkit.cli import main

shared, *recipes = sys.argv[1:]
sys.path.append(shared)
import unrendered

unrendered.figures().__enter__()
for recipe in recipes:
    print("recipe", recipe, flush=True)
    sys.argv = ["cvkit", "run", recipe, "--set", "dataset.train_size=240", "--set", "dataset.test_size=60"]
    try:
        main()
    except SystemExit as ended:
        if ended.code:
            raise
"""


def test_environment_shares_torch(environment):
    """There is no second torch: a throw-away environment costs a second."""
    where = environment.run("-c", "import importlib.util as u; print(u.find_spec('torch').origin)")
    assert where.strip() == importlib.util.find_spec("torch").origin


def test_every_component_is_listed(environment):
    """By full id, from its own distribution, with its summary."""
    listed = {row["id"]: row for row in json.loads(environment.run("-m", "cvkit", "list", "--json"))}
    for noun, sample in KIND_TEMPLATES.items():
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
    """As it is written but from fewer images, to a report; one process carries them all out, to load torch once."""
    recipes = [package / "recipe.yaml" for package in packages.values()]
    environment.run("-c", RUN_EACH, SHARED, *recipes, cwd=tmp_path)
    runs = [report.parent for report in tmp_path.glob("runs/*/report.html")]
    assert len(runs) == len(packages)
    explainers = [_explainers(run) for run in runs]
    assert ["acme_explainer", "grad_cam"] in explainers
    # One that fails is left out of the report.
    assert [set(named) - _scored(run) for named, run in zip(explainers, runs, strict=True)] == [set()] * len(runs)


def _explainers(run: Path) -> list[str]:
    """The explainers of a run's recipe."""
    recipe = yaml.safe_load((run / "recipe.yaml").read_text())
    return [part["name"].rpartition("/")[2] for part in recipe["explainers"]]


def _scored(run: Path) -> set[str]:
    """The explainers, and what they are compared with, that a run's report scores."""
    table = run / "figures" / "explanations_weights.csv"
    return {row[0] for row in csv.reader(table.open())} if table.exists() else set()


def test_packages_pass_their_tests_installed_to_be_edited(environment, packages):
    """As their authors have them; of two kinds, as all are tried as copies."""
    said = environment.run("-m", "pytest", *(packages[noun] / "tests" for noun in ("loss", "scheduler")))
    assert "TestAcmeLoss: " in said
    assert "TestAcmeScheduler: " in said
    assert "skipped" not in said


def test_every_kind_passes_its_tests_installed_as_a_copy(new_environment, whole):
    """As CI, tox and nox have it: ``pip install .``, then ``python -m pytest`` in the folder of the sources.

    Every check of every suite is made, and none is skipped. Figures are left unrendered, as ten recipes run; those of
    the packages that are installed to be edited are rendered.
    """
    said = new_environment(whole, editable=False).run(SHARED / "unrendered.py", "pytest", cwd=whole)
    assert "TestAcmeAll: " in said  # of the first kind
    for noun in [*KIND_TEMPLATES][1:]:
        assert f"TestAcmeAll{noun.capitalize()}: " in said
    assert "skipped" not in said


def test_package_with_its_sources_on_the_path_is_not_taken_for_a_strangers(new_environment, packages, tmp_path):
    """Installed as a copy and used in its own folder, where Python finds the sources first: they run, and it is said.

    Without ``src/``, as many packages have it.
    """
    project = shutil.copytree(packages["loss"], tmp_path / "cvkit-acme-loss")
    (project / "src" / "cvkit_acme_loss").rename(project / "cvkit_acme_loss")
    environment = new_environment(project, editable=False)
    (row,) = [row for row in _plugins(environment, project) if row["plugin"] == "acme_loss"]
    assert (row["works"], row["failure"], row["sources"]) == (True, "", str(project / "cvkit_acme_loss"))
    (row,) = [row for row in _plugins(environment, tmp_path) if row["plugin"] == "acme_loss"]
    assert (row["works"], row["sources"]) == (True, "")
    told = environment.run("-m", "pytest", "tests", "-k", "gradient or light", cwd=project)
    assert "failed" not in told


def _plugins(environment, folder):
    return json.loads(environment.run("-m", "cvkit", "plugins", "--json", cwd=folder))
