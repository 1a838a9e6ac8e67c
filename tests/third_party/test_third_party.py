"""A stranger's package, from a wheel: listed, checked, run and tested, with no file of cvkit touched."""

from __future__ import annotations

import hashlib
import json
import zipfile
from pathlib import Path

import pytest

UNRENDERED = Path(__file__).parents[1] / "shared" / "unrendered.py"
PARTS = {
    "model": "acme/convmixer",
    "augmentations.0": "acme/grid_mask",
    "scheduler": "acme/inverse_sqrt",
    "explainers.0": "acme/occlusion",
}


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory) -> Path:
    """A folder with nothing in it: neither cvkit's sources nor the stranger's."""
    return tmp_path_factory.mktemp("elsewhere")


@pytest.fixture(scope="module")
def run_folder(environment, checkout, elsewhere) -> Path:
    """What a run of the stranger's recipe leaves."""
    said = environment.run("-m", "cvkit", "run", checkout / "recipe.yaml", cwd=elsewhere)
    assert "warning" not in said
    (folder,) = (elsewhere / "runs").iterdir()
    return folder


def test_package_is_imported_from_its_wheel(environment, elsewhere):
    """What is used is what was installed, not a folder that happens to be near."""
    where = environment.run("-c", "import acme_vision; print(acme_vision.__file__)", cwd=elsewhere).strip()
    assert Path(where).is_relative_to(environment.python.parents[1])


def test_list_shows_the_four_parts(environment, elsewhere):
    """Full id, kind, distribution and version."""
    rows = json.loads(environment.run("-m", "cvkit", "list", "--json", cwd=elsewhere))
    theirs = {row["id"]: row for row in rows if row["distribution"] == "acme-vision"}
    assert set(theirs) == set(PARTS.values())
    assert {row["kind"] for row in theirs.values()} == {"models", "augmentations", "schedulers", "explainers"}
    assert {row["version"] for row in theirs.values()} == {"1.2.0"}


def test_check_finds_the_recipe_good(environment, checkout, elsewhere, wording):
    """By short names, which no built-in shares."""
    said = environment.run("-m", "cvkit", "check", checkout / "recipe.yaml", cwd=elsewhere)
    assert said.replace(str(checkout), "<checkout>") == wording


def test_run_leaves_a_report_with_the_stranger_s_explanations(run_folder):
    """The four parts work together, from the recipe to the report."""
    assert json.loads((run_folder / "run.json").read_text())["status"] == "finished"
    assert len((run_folder / "metrics.jsonl").read_text().splitlines()) == 2
    assert "occlusion" in (run_folder / "report.html").read_text()


def test_run_says_whose_code_ran(run_folder, wheel):
    """Each part by place and id, its distribution, version, and the digest of the published source."""
    components = {c["place"]: c for c in json.loads((run_folder / "run.json").read_text())["components"]}
    assert {place: components[place]["id"] for place in PARTS} == PARTS
    digest = digest_of_package(wheel, "acme_vision")
    for place in PARTS:
        assert (components[place]["distribution"], components[place]["version"]) == ("acme-vision", "1.2.0")
        assert components[place]["source"] == digest
    assert components["dataset"]["distribution"] == "cvkit-core"


def digest_of_package(wheel: Path, package: str) -> str:
    """SHA-256 over each Python file's path in the package, its length and its bytes, in the order of the paths."""
    digest = hashlib.sha256()
    with zipfile.ZipFile(wheel) as archive:
        names = [name for name in archive.namelist() if name.startswith(f"{package}/") and name.endswith(".py")]
        for name in sorted(names):
            content = archive.read(name)
            digest.update(f"{name.removeprefix(f'{package}/')}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()


def test_package_passes_its_own_tests(environment, checkout, elsewhere):
    """cvkit's suites, without a skip, where the package is installed; figures are rendered by the run above alone."""
    command = (UNRENDERED, "pytest", "-p", "no:cacheprovider", checkout / "tests")
    said = environment.run(*command, cwd=elsewhere)
    for suite in ("TestConvMixer", "TestGridMask", "TestInverseSqrt", "TestOcclusion"):
        assert f"::{suite}: " in said
    assert "skipped" not in said
