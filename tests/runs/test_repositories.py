"""Which repositories the code of a run is in, and whether it is committed."""

from __future__ import annotations

import shutil
import subprocess
import time
from pathlib import Path

import pytest
import small

from cvkit import discover, resolve
from cvkit.recipe import read_text
from cvkit.runs import repositories as module
from cvkit.runs.folder import RunFolder
from cvkit.runs.repositories import repositories, uncommitted
from cvkit.runs.run_info import RunInfo

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")


def git(folder: Path, *arguments: str) -> str:
    """Run git in a folder and return what it writes."""
    identity = ["-c", "user.name=a", "-c", "user.email=a@b.c", "-c", "commit.gpgsign=false"]
    return subprocess.run(
        ["git", "-C", str(folder), *identity, *arguments], check=True, capture_output=True, text=True
    ).stdout.strip()


@pytest.fixture
def repository(tmp_path, monkeypatch):
    """Return a repository with a package, which the components of every recipe are said to come from."""
    package = tmp_path / "project" / "package"
    package.mkdir(parents=True)
    (package / "code.py").write_text("a = 1\n")
    (package / "notes.txt").write_text("")
    git(tmp_path / "project", "init", "-q")
    git(tmp_path / "project", "add", ".")
    git(tmp_path / "project", "commit", "-q", "-m", "First")
    monkeypatch.setattr(module, "package_of", lambda target: package)
    return package


def of_project(folder: Path) -> dict[str, object]:
    """Return what is found of the project in `folder`."""
    recipe = resolve(read_text(small.RECIPE, ()), discover())
    (found,) = [each for each in repositories(recipe) if Path(each["folder"]) == folder.resolve()]
    return found


def test_committed_code_has_its_commit_and_no_changes(repository):
    """Other files than Python's do not matter."""
    (repository / "notes.txt").write_text("changed")
    found = of_project(repository.parent)
    assert found["commit"] == git(repository, "rev-parse", "HEAD")
    assert found["changed"] == []
    assert uncommitted([found]) == []


def test_changed_and_new_code_is_named(repository):
    """Others cannot get it."""
    (repository / "code.py").write_text("a = 2\n")
    (repository / "new.py").write_text("")
    found = of_project(repository.parent)
    assert sorted(found["changed"]) == ["package/code.py", "package/new.py"]
    (line,) = uncommitted([found])
    assert "project" in line
    assert "package/code.py" in line


def test_files_with_any_name_are_named_as_they_are(repository):
    """Git would quote them; a renamed file has its new name."""
    git(repository, "mv", "code.py", "new code.py")
    (repository / "größe.py").write_text("")
    assert sorted(of_project(repository.parent)["changed"]) == ["package/größe.py", "package/new code.py"]


def test_package_that_was_never_added_is_not_committed(tmp_path, monkeypatch):
    """The repository exists, and its commits contain none of the code."""
    package = tmp_path / "project" / "package"
    package.mkdir(parents=True)
    (package / "code.py").write_text("")
    git(package.parent, "init", "-q")
    monkeypatch.setattr(module, "package_of", lambda target: package)
    found = of_project(package.parent)
    assert (found["commit"], found["changed"]) == ("none", ["package/code.py"])
    git(package.parent, "commit", "-q", "--allow-empty", "-m", "First")
    found = of_project(package.parent)
    assert found["commit"] == git(package.parent, "rev-parse", "HEAD")
    assert found["changed"] == ["package/code.py"]


@pytest.mark.parametrize(
    ("place", "expected"),
    [
        (".venv/lib/site-packages/library", []),
        ("target/library", []),
        ("ignored/library", ["code in library is ignored by its git repository"]),
        ("../outside", ["code in outside is in no git repository"]),
    ],
)
def test_only_installed_code_needs_no_commit(repository, monkeypatch, place, expected):
    """Its version identifies it, also in an environment in the folder of a project."""
    (repository.parent / ".gitignore").write_text(".venv\nignored\n")
    package = (repository.parent / place).resolve()
    package.mkdir(parents=True)
    (package / "code.py").write_text("")
    if place.startswith("target"):
        (package.parent / "library-1.0.dist-info").mkdir()
        (package.parent / "library-1.0.dist-info" / "RECORD").write_text("")
    monkeypatch.setattr(module, "package_of", lambda target: package)
    recipe = resolve(read_text(small.RECIPE, ()), discover())
    assert uncommitted(each for each in repositories(recipe) if "library" in str(each) or "outside" in str(each)) == (
        expected
    )


def test_without_git_it_is_unknown_whether_code_is_committed(repository, monkeypatch):
    """The run continues."""
    monkeypatch.setattr(module.shutil, "which", lambda name: None)
    found = of_project(repository.parent)
    assert found["commit"] == "unknown"
    assert uncommitted([found]) == ["code in project may not be committed (git is not installed)"]


def test_all_repositories_share_one_limit(repository, monkeypatch, tmp_path):
    """A slow disk delays the run once; the code does not count as committed."""
    slow = tmp_path / "slow-git"
    slow.write_text("#!/bin/sh\nexec sleep 20\n")
    slow.chmod(0o755)
    monkeypatch.setattr(module.shutil, "which", lambda name: str(slow))
    monkeypatch.setattr(module, "_PATIENCE", 0.5)
    began = time.monotonic()
    found = repositories(resolve(read_text(small.RECIPE, ()), discover()))
    assert time.monotonic() - began < 5
    assert {each["commit"] for each in found} <= {"unknown", "none"}
    assert "code in project may not be committed (git did not answer within 0.5 seconds)" in uncommitted(found)


def test_error_of_git_is_named(repository):
    """For example a damaged repository."""
    (repository.parent / ".git" / "HEAD").write_text("")
    (line,) = uncommitted([of_project(repository.parent)])
    assert line.startswith("code in project may not be committed (fatal: ")


def test_run_that_its_recipe_does_not_contain_cannot_be_repeated(tmp_path):
    """A stretched schedule replaces that of the first steps, and `cvkit finish` ends a run before its last epoch."""
    info = RunInfo(RunFolder.create(tmp_path, "small"))
    step = {"from": "a", "after_step": 24, "epochs": 6, "became": "the schedule now spans 6 epochs instead of 3"}
    info.values = {"repositories": [], "extended": [step | {"schedule": name} for name in ("hold", "again")]}
    assert info.irreproducible() == []
    info.values["extended"].append(step | {"schedule": "stretch"})
    stretched, early = info.irreproducible(ended_early=True)
    assert "the schedule now spans 6 epochs instead of 3" in stretched
    assert "cvkit finish" in early
    info.values = {}
    assert info.irreproducible() == ["it was not recorded whether the code was committed"]


def test_each_repository_is_asked_once(repository, monkeypatch):
    """Also if several packages are in it, such as plugins."""
    other = repository.parent / "other"
    other.mkdir()
    (other / "code.py").write_text("")
    packages = iter([repository, other])
    monkeypatch.setattr(module, "package_of", lambda target: next(packages, repository))
    asked, run = [], subprocess.run
    monkeypatch.setattr(
        module.subprocess, "run", lambda command, **more: asked.append(command) or run(command, **more)
    )
    assert of_project(repository.parent)["changed"] == ["other/code.py"]
    assert sum(str(repository.parent) in command for command in asked) == 2
