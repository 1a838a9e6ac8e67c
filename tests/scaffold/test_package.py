"""The files of a package: what they are, and that they appear whole or not at all."""

from __future__ import annotations

import tomllib
from importlib.metadata import version

import pytest
import yaml

from cvkit import KINDS, CvkitError
from cvkit.scaffold.kinds import KIND_TEMPLATES
from cvkit.scaffold.names import read_name
from cvkit.scaffold.package import write
from cvkit.scaffold.rendering import render

NAME = read_name("acme-net")
any_kind = pytest.mark.parametrize("sample", KIND_TEMPLATES.values(), ids=KIND_TEMPLATES)


def test_every_kind_has_a_sample():
    """A new kind of component comes with a way to begin one."""
    assert sorted(sample.kind.name for sample in KIND_TEMPLATES.values()) == sorted(KINDS)


@any_kind
def test_package_has_what_a_package_needs(sample):
    """Declaration, implementation, recipe, test, documentation, and what tools read."""
    assert set(render(NAME, sample)) == {
        ".github/workflows/test.yml",
        ".gitignore",
        "README.md",
        "pyproject.toml",
        "recipe.yaml",
        "src/cvkit_acme_net/__init__.py",
        "src/cvkit_acme_net/py.typed",
        f"src/cvkit_acme_net/{sample.noun}.py",
        "tests/test_acme_net.py",
        "tests/test_acme_net_sample.py",
    }


@any_kind
def test_one_file_of_tests_goes_with_the_sample(sample):
    """An author who puts another in its place deletes that file, and the other holds nothing of the sample."""
    files = render(NAME, sample)
    assert f"import {sample.factory}\n" in files["tests/test_acme_net_sample.py"] or sample.noun == "tuner"
    assert sample.factory not in files["tests/test_acme_net.py"]
    assert f"from cvkit_acme_net.{sample.noun} import" not in files["tests/test_acme_net.py"]
    assert "`tests/test_acme_net_sample.py`" in files["README.md"]


@any_kind
def test_nothing_of_the_templates_is_left(sample):
    """No placeholder, no trailing space, and one newline at the end."""
    for path, text in render(NAME, sample).items():
        assert "{%" not in text
        assert "{{" not in text.replace("${{ matrix.python }}", "")
        assert "PLUGIN" not in text
        assert text.endswith("\n") or path.endswith("py.typed")
        assert not text.endswith("\n\n")
        assert not [line for line in text.splitlines() if line != line.rstrip()], path


@any_kind
def test_metadata_names_the_plugin(sample):
    """Distribution, entry point and the cvkit that is needed: this one, to its minor version."""
    project = tomllib.loads(render(NAME, sample)["pyproject.toml"])["project"]
    assert project["name"] == "cvkit-acme-net"
    assert project["entry-points"]["cvkit"] == {"acme_net": "cvkit_acme_net"}
    major, minor = version("cvkit-core").split(".")[:2]
    assert project["dependencies"] == [f"cvkit-core>={major}.{minor}"]


@any_kind
def test_declaration_is_short(sample):
    """It reads at a glance, and imports cvkit alone."""
    declaration = render(NAME, sample)["src/cvkit_acme_net/__init__.py"]
    assert len(declaration.splitlines()) <= 17
    assert declaration.count("import ") == 2


@any_kind
def test_workflow_reads_as_yaml(sample):
    """The tests run on every Python that cvkit supports."""
    workflow = yaml.safe_load(render(NAME, sample)[".github/workflows/test.yml"])
    job = workflow["jobs"]["test"]
    assert job["strategy"]["matrix"]["python"] == ["3.11", "3.12", "3.13"]
    assert [step["run"] for step in job["steps"] if "run" in step][-1] == "pytest"


def test_readme_says_that_no_licence_is_chosen(wording):
    """Which one is the author's to say."""
    said = set()
    for sample in KIND_TEMPLATES.values():
        files = render(NAME, sample)
        assert "license" not in tomllib.loads(files["pyproject.toml"])["project"]
        (paragraph,) = [part for part in files["README.md"].split("\n\n") if "`LICENSE`" in part]
        said.add(paragraph.strip())
    assert said == wording


def test_files_are_written_into_a_new_folder(tmp_path):
    """Folders that are missing above it are made."""
    write({"a.txt": "ä\n", "b/c.txt": ""}, tmp_path / "some" / "where" / "new")
    assert (tmp_path / "some" / "where" / "new" / "a.txt").read_bytes() == "ä\n".encode()
    assert (tmp_path / "some" / "where" / "new" / "b" / "c.txt").exists()
    assert [path.name for path in (tmp_path / "some" / "where").iterdir()] == ["new"]


def test_folder_that_exists_is_left_alone(tmp_path, wording):
    """Be it empty, a file, or somebody's work."""
    (tmp_path / "old").mkdir()
    (tmp_path / "file").write_text("mine")
    for taken in ("old", "file"):
        with pytest.raises(CvkitError) as refusal:
            write({"a.txt": "new"}, tmp_path / taken)
        assert str(refusal.value) == wording(name=taken)
    assert list((tmp_path / "old").iterdir()) == []
    assert (tmp_path / "file").read_text() == "mine"


def test_what_cannot_be_written_leaves_nothing(tmp_path, wording):
    """A file that cannot be written takes those before it along."""
    with pytest.raises(CvkitError) as refusal:
        write({"a": "a file, and then a folder", "a/b": ""}, tmp_path / "new")
    assert str(refusal.value) == wording
    assert list(tmp_path.iterdir()) == []


def test_place_that_is_a_file_is_refused(tmp_path):
    """The message names the folder that was wanted."""
    (tmp_path / "file").touch()
    with pytest.raises(CvkitError, match="file/new'"):
        write({"a.txt": ""}, tmp_path / "file" / "new")
